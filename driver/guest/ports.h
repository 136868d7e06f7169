/* SPDX-License-Identifier: GPL-2.0-only */
/* Event channels of this domain with itself: what one end sends arrives at the other. */
#ifndef PVPCI_DRIVER_GUEST_PORTS_H
#define PVPCI_DRIVER_GUEST_PORTS_H

#include <xen/events.h>
#include <xen/interface/event_channel.h>
#include <asm/xen/hypercall.h>

/* The lowest free port, open for this domain. */
static inline int port_alloc(evtchn_port_t *port)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	int rc = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);

	*port = alloc.port;
	return rc;
}

/* Another port, whose sends arrive at `remote`. The hypervisor marks it pending; nobody binds it. */
static inline int port_connect(evtchn_port_t remote, evtchn_port_t *port)
{
	struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF, .remote_port = remote };
	int rc = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &bind);

	*port = bind.local_port;
	return rc;
}

static inline int port_pair(evtchn_port_t *end, evtchn_port_t *sender)
{
	int rc = port_alloc(end);

	return rc ? rc : port_connect(*end, sender);
}

static inline int port_close(evtchn_port_t port)
{
	struct evtchn_close close = { .port = port };

	return HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
}

#endif /* PVPCI_DRIVER_GUEST_PORTS_H */
