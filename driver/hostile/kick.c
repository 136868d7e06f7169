// SPDX-License-Identifier: GPL-2.0-only
/*
 * A backend in dom0 that only disturbs its frontend (XSA-391).
 *   kick PATH COUNT US    binds the event channel that PATH/event-channel names and sends COUNT events, US microseconds
 *                         apart; PATH is the frontend's directory, its third part the domain: /local/domain/1/...
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <asm/xen/hypercall.h>
#include <xen/events.h>
#include <xen/interface/event_channel.h>
#include <xen/xenbus.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static int kick(int argc, char **argv)
{
	struct evtchn_bind_interdomain bind = { };
	struct evtchn_close close;
	unsigned int count, us, domain;
	int rc;

	if (argc != 4 || sscanf(argv[1], "/local/domain/%u/", &domain) != 1 || kstrtouint(argv[2], 0, &count) ||
	    kstrtouint(argv[3], 0, &us))
		return -EINVAL;
	rc = xenbus_scanf(XBT_NIL, argv[1], "event-channel", "%u", &bind.remote_port);
	if (rc != 1)
		return rc < 0 ? rc : -EINVAL;
	bind.remote_dom = domain;
	rc = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
	if (rc)
		return rc;
	for (; count; count--) {
		notify_remote_via_evtchn(bind.local_port);
		usleep_range(us, us);
	}
	close.port = bind.local_port;
	return HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
}

EMUL_REGISTER("kick", EMUL_CALLABLE, kick);
