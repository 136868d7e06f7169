// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for fs/char_dev.c and the little of the VFS that a program's open, read, write, ioctl and close reach. The
 * file operations called are the driver's own, through the original drivers/char/misc.c.
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/kernfs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>

#include "emul.h"
#include "../../drivers/base/base.h"
#include "../../fs/sysfs/sysfs.h"

#define MAX_MAJORS 256
static const struct file_operations *major_fops[MAX_MAJORS];

int __register_chrdev(unsigned int major, unsigned int base, unsigned int count, const char *name,
		      const struct file_operations *fops)
{
	EMUL("character devices by major number");
	if (major >= MAX_MAJORS || major_fops[major])
		return -EBUSY;
	major_fops[major] = fops;
	return 0;
}

void __unregister_chrdev(unsigned int major, unsigned int base, unsigned int count, const char *name)
{
	EMUL("the VFS that user programs reach");
	major_fops[major] = NULL;
}

/* --- device numbers that drivers ask for; programs reach devices by their miscellaneous node only --- */
int alloc_chrdev_region(dev_t *first, unsigned int base, unsigned int count, const char *name)
{
	static unsigned int next = 254;	/* downwards, as the kernel does */

	EMUL("device numbers without nodes: programs open the miscellaneous device");
	*first = MKDEV(next--, base);
	return 0;
}
void unregister_chrdev_region(dev_t first, unsigned int count) { EMUL_IGNORE("device numbers are not reused"); }

void cdev_init(struct cdev *cdev, const struct file_operations *fops)
{
	EMUL("device numbers without nodes: programs open the miscellaneous device");
	memset(cdev, 0, sizeof(*cdev));
	INIT_LIST_HEAD(&cdev->list);
	cdev->ops = fops;
}
int cdev_device_add(struct cdev *cdev, struct device *dev)
{
	EMUL("device numbers without nodes: programs open the miscellaneous device");
	return device_add(dev);
}
void cdev_device_del(struct cdev *cdev, struct device *dev)
{
	EMUL("device numbers without nodes: programs open the miscellaneous device");
	device_del(dev);
}

int stream_open(struct inode *inode, struct file *file) { EMUL_IGNORE("the VFS that user programs reach"); return 0; }
loff_t noop_llseek(struct file *file, loff_t offset, int whence) { EMUL("the VFS that user programs reach"); return file->f_pos; }
int nonseekable_open(struct inode *inode, struct file *file) { EMUL_IGNORE("the VFS that user programs reach"); return 0; }

/* --- what a user program's file descriptors reach --- */
#define MAX_FILES 64
static struct file *open_files[MAX_FILES];

/* /dev/NAME: the miscellaneous device whose node a devtmpfs would call so. */
static dev_t find_device(const char *name)
{
	struct kernfs_node *class = kernfs_walk_and_get(sysfs_root_kn, "class/misc");
	struct rb_node *at;
	dev_t devt = 0;

	for (at = class ? rb_first(&class->dir.children) : NULL; at && !devt; at = rb_next(at)) {
		struct kernfs_node *child = rb_entry(at, struct kernfs_node, rb);
		struct kernfs_node *target = kernfs_type(child) == KERNFS_LINK ? child->symlink.target_kn : child;
		struct device *dev = kobj_to_dev((struct kobject *)target->priv);
		const char *node, *allocated = NULL;
		umode_t mode = 0;
		kuid_t uid;
		kgid_t gid;

		if (kernfs_type(target) != KERNFS_DIR)
			continue;
		node = device_get_devnode(dev, &mode, &uid, &gid, &allocated);
		if (node && !strcmp(node, name))
			devt = dev->devt;
		kfree(allocated);
	}
	kernfs_put(class);
	return devt;
}

long emul_open(const char *path, int flags)
{
	struct inode *inode;
	struct file *file;
	const char *name = path;
	dev_t devt;
	int fd, rc;

	EMUL("open, close and ioctl of user programs");
	if (!strncmp(name, "/dev/", 5))
		name += 5;
	devt = find_device(name);
	if (!devt || !major_fops[MAJOR(devt)])
		return -ENOENT;
	for (fd = 3; fd < MAX_FILES && open_files[fd]; fd++)
		;
	if (fd == MAX_FILES)
		return -EMFILE;
	inode = kzalloc(sizeof(*inode), GFP_KERNEL);
	file = kzalloc(sizeof(*file), GFP_KERNEL);
	inode->i_rdev = devt;
	inode->i_mode = S_IFCHR | 0600;
	file->f_inode = inode;
	file->f_op = major_fops[MAJOR(devt)];
	file->f_flags = flags;
	file->f_mode = OPEN_FMODE(flags) & (FMODE_READ | FMODE_WRITE);
	atomic_long_set(&file->f_count, 1);
	rc = file->f_op->open ? file->f_op->open(inode, file) : 0;
	if (rc) {
		kfree(file);
		kfree(inode);
		return rc;
	}
	open_files[fd] = file;
	return fd;
}

static struct file *get_file_of(int fd)
{
	return fd >= 0 && fd < MAX_FILES ? open_files[fd] : NULL;
}

long emul_close(int fd)
{
	struct file *file = get_file_of(fd);

	if (!file)
		return -EBADF;
	open_files[fd] = NULL;
	if (file->f_op->release)
		file->f_op->release(file->f_inode, file);
	kfree(file->f_inode);
	kfree(file);
	return 0;
}

long emul_ioctl(int fd, unsigned int command, unsigned long argument)
{
	struct file *file = get_file_of(fd);

	if (!file)
		return -EBADF;
	if (!file->f_op->unlocked_ioctl)
		return -ENOTTY;
	return file->f_op->unlocked_ioctl(file, command, argument);
}

long emul_read(int fd, char *buffer, size_t length)
{
	struct file *file = get_file_of(fd);

	if (!file)
		return -EBADF;
	return file->f_op->read ? file->f_op->read(file, buffer, length, &file->f_pos) : -EINVAL;
}

long emul_write(int fd, const char *buffer, size_t length)
{
	struct file *file = get_file_of(fd);

	if (!file)
		return -EBADF;
	return file->f_op->write ? file->f_op->write(file, buffer, length, &file->f_pos) : -EINVAL;
}
