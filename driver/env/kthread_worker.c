// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for the worker part of kernel/kthread.c, which watchdog_dev.c uses and workqueue.c of later kernels, for its
 * released pools: one thread per worker, works in the order they were queued.
 */
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "emul.h"

static DECLARE_WAIT_QUEUE_HEAD(changed);

static int worker_thread(void *data)
{
	struct kthread_worker *worker = data;

	for (;;) {
		struct kthread_work *work;

		wait_event(changed, !list_empty(&worker->work_list));
		raw_spin_lock_irq(&worker->lock);
		work = list_first_entry(&worker->work_list, struct kthread_work, node);
		list_del_init(&work->node);
		worker->current_work = work;
		raw_spin_unlock_irq(&worker->lock);
		work->func(work);
		worker->current_work = NULL;
		wake_up(&changed);
	}
	return 0;
}

struct kthread_worker *kthread_create_worker(unsigned int flags, const char namefmt[], ...)
{
	struct kthread_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL);

	EMUL("kernel threads are fibers");
	if (!worker)
		return ERR_PTR(-ENOMEM);
	worker->flags = flags;
	raw_spin_lock_init(&worker->lock);
	INIT_LIST_HEAD(&worker->work_list);
	INIT_LIST_HEAD(&worker->delayed_work_list);
	emul_kthread_run(worker_thread, worker, namefmt);
	return worker;
}

bool kthread_queue_work(struct kthread_worker *worker, struct kthread_work *work)
{
	unsigned long flags;
	bool queued = false;

	EMUL("kernel threads are fibers");
	raw_spin_lock_irqsave(&worker->lock, flags);
	if (list_empty(&work->node)) {
		list_add_tail(&work->node, &worker->work_list);
		work->worker = worker;
		queued = true;
	}
	raw_spin_unlock_irqrestore(&worker->lock, flags);
	if (queued)
		wake_up(&changed);
	return queued;
}

bool kthread_cancel_work_sync(struct kthread_work *work)
{
	struct kthread_worker *worker = work->worker;
	unsigned long flags;
	bool pending;

	EMUL("kernel threads are fibers");
	if (!worker)
		return false;
	raw_spin_lock_irqsave(&worker->lock, flags);
	pending = !list_empty(&work->node);
	list_del_init(&work->node);
	raw_spin_unlock_irqrestore(&worker->lock, flags);
	wait_event(changed, worker->current_work != work);
	return pending;
}

void kthread_destroy_worker(struct kthread_worker *worker) { EMUL_IGNORE("workers last as long as their domain"); }

void kthread_flush_worker(struct kthread_worker *worker)
{
	EMUL("kernel threads are fibers");
	wait_event(changed, list_empty(&worker->work_list) && !worker->current_work);
}
