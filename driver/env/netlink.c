// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for net/core/net_namespace.c and net/netlink: no network namespace is ever made, so lib/kobject_uevent.c has no
 * socket to send to. What a sent message would reach is in generated_dummies.c.
 */
#include <linux/skbuff.h>
#include <net/net_namespace.h>

#include "emul.h"

struct net init_net;

int register_pernet_subsys(struct pernet_operations *ops)
{
	EMUL_IGNORE("no network namespace: nobody listens to uevents");
	return 0;
}

#ifdef EMUL_HAS_SKB_DROP_SOCKET
void sk_skb_reason_drop(struct sock *sk, struct sk_buff *skb, enum skb_drop_reason reason)
#else
void kfree_skb_reason(struct sk_buff *skb, enum skb_drop_reason reason)
#endif
{
	EMUL_IGNORE("no message was ever made");
}
