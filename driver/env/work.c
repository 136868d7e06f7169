// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host asks a running domain to do in task context: sysfs writes of the toolstack (a udev rule or xl would do
 * them), user programs, and calls of C functions that a scenario names (hostile drivers, deliberate crashes).
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include "emul.h"
#include "work.h"
#include "../../fs/sysfs/sysfs.h"
#include "../../fs/kernfs/kernfs-internal.h"

#define MAX_ARGS 32

/* A path below /sys, or below it without the prefix; follows links. */
static struct kernfs_node *walk(const char *path)
{
	struct kernfs_node *node = sysfs_root_kn;
	char copy[256], *rest = copy, *name;

	if (!strncmp(path, "/sys/", 5))
		path += 5;
	strscpy(copy, path, sizeof(copy));
	kernfs_get(node);
	while ((name = strsep(&rest, "/"))) {
		struct kernfs_node *child;

		if (!*name)
			continue;
		while (kernfs_type(node) == KERNFS_LINK)
			node = node->symlink.target_kn;
		child = kernfs_find_and_get(node, name);
		if (!child)
			return NULL;
		node = child;
	}
	return node;
}

int emul_sysfs_rw(const char *path, char *buffer, int length, bool write)
{
	struct kernfs_node *node = walk(path);
	struct kobject *kobj;
	const struct sysfs_ops *ops;
	char *page;
	int rc;

	EMUL("reads and writes of sysfs files without a mounted filesystem");
	if (!node || kernfs_type(node) != KERNFS_FILE)
		return -ENOENT;
	/* A file in a named group: the group's directory belongs to the same kobject. */
	kobj = node->parent->priv;
	ops = kobj->ktype->sysfs_ops;
	if (write)
		return ops->store ? ops->store(kobj, node->priv, buffer, length) : -EACCES;
	if (!ops->show)
		return -EACCES;
	page = (char *)get_zeroed_page(GFP_KERNEL);
	rc = ops->show(kobj, node->priv, page);
	if (rc >= 0) {
		rc = min(rc, length - 1);
		memcpy(buffer, page, rc);
		buffer[rc] = 0;
	}
	free_page((unsigned long)page);
	return rc;
}

extern struct emul_function __start_emul_functions[] __weak, __stop_emul_functions[] __weak;

static struct emul_function *find(const char *name, u32 kind)
{
	struct emul_function *f;

	for (f = __start_emul_functions; f < __stop_emul_functions; f++)
		if (f->kind == kind && !strcmp(f->name, name))
			return f;
	return NULL;
}

static int serve(void *data)
{
	struct seam_work *work = data;
	char *argv[MAX_ARGS + 1], *text = work->text, *end = work->text + work->length;
	struct emul_function *function;
	int argc = 0;
	long result = -EINVAL;

	/* Words are separated by NUL; the last one ends with one too. */
	for (; text < end && argc < MAX_ARGS; text += strlen(text) + 1)
		argv[argc++] = text;
	argv[argc] = NULL;
	switch (work->kind) {
	case SEAM_WORK_SYSFS_WRITE:
		if (argc >= 1) {
			char *value = argc > 1 ? argv[1] : "";

			result = emul_sysfs_rw(argv[0], value, strlen(value), true);
		}
		break;
	case SEAM_WORK_SYSFS_READ: {
		char *answer = kzalloc(sizeof(work->text), GFP_KERNEL);

		result = emul_sysfs_rw(argv[0], answer, sizeof(work->text), false);
		memcpy(work->text, answer, sizeof(work->text));
		kfree(answer);
		break;
	}
	case SEAM_WORK_PROGRAM:
		emul_call(SEAM_USER, SEAM_USER_START, work->text, work->length, 0);
		function = argc ? find(argv[0], EMUL_PROGRAM) : NULL;
		result = function ? emul_run_program(function, argc, argv) : 127;
		emul_call(SEAM_USER, SEAM_USER_EXIT, result, 0, 0);
		break;
	case SEAM_WORK_CALL:
		function = argc ? find(argv[0], EMUL_CALLABLE) : NULL;
		result = function ? function->main(argc, argv) : -ENOENT;
		break;
	}
	work->result = result;
	smp_store_release(&work->done, 1);
	return 0;
}

/* --- the queue: filled at interrupt time by the host, emptied by a kernel thread that starts one task per work --- */
static DECLARE_WAIT_QUEUE_HEAD(queue);
static struct seam_work *pending[16];
static unsigned int put, taken;

void emul_post(void *work)
{
	pending[put++ % ARRAY_SIZE(pending)] = work;
	wake_up(&queue);
}

static int dispatcher(void *unused)
{
	for (;;) {
		wait_event(queue, put != taken);
		emul_kthread_run(serve, pending[taken++ % ARRAY_SIZE(pending)], "user");
	}
	return 0;
}

void emul_work_init(void)
{
	EMUL("host work: sysfs writes, programs, named C functions");
	emul_kthread_run(dispatcher, NULL, "work");
}
