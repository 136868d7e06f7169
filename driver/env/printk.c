// SPDX-License-Identifier: GPL-2.0-only
/* Stands for kernel/printk: formats with the original vsnprintf and hands each line with its level to the host. */
#include <linux/console.h>
#include <linux/kern_levels.h>
#include <linux/kernel.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/dev_printk.h>
#include <linux/ratelimit.h>
#include <linux/sched/debug.h>

#include "emul.h"

static char line[1024];
static int line_length, line_level = LOGLEVEL_DEFAULT;

static void flush(void)
{
	if (line_length)
		line[line_length++] = '\n';
	if (line_length)
		emul_call(SEAM_LOG, line_level == LOGLEVEL_DEFAULT ? 4 : line_level, line, line_length, 0);
	line_length = 0;
	line_level = LOGLEVEL_DEFAULT;
}

static DEFINE_RAW_SPINLOCK(text_lock);

asmlinkage int vprintk_emit(int facility, int level, const struct dev_printk_info *dev_info, const char *fmt,
			    va_list args)
{
	static char text[1024];
	bool cont = false;
	unsigned long flags;
	int length, i;

	EMUL("lines go to the domain's console file");
	raw_spin_lock_irqsave(&text_lock, flags);
	length = vscnprintf(text, sizeof(text), fmt, args);
	for (i = 0; i + 1 < length && text[i] == KERN_SOH_ASCII; i += 2) {
		if (text[i + 1] == 'c')
			cont = true;
		else if (level == LOGLEVEL_DEFAULT && text[i + 1] >= '0' && text[i + 1] <= '7')
			level = text[i + 1] - '0';
	}
	if (!cont)
		flush();
	if (line_level == LOGLEVEL_DEFAULT)
		line_level = level;
	for (; i < length; i++) {
		if (text[i] == '\n')
			flush();
		else if (line_length < sizeof(line) - 2)
			line[line_length++] = text[i];
	}
	/* dev_printk lines end without a newline only by mistake; ours are whole lines. */
	if (dev_info)
		flush();
	raw_spin_unlock_irqrestore(&text_lock, flags);
	return length;
}

asmlinkage int vprintk(const char *fmt, va_list args)
{
	return vprintk_emit(0, LOGLEVEL_DEFAULT, NULL, fmt, args);
}

asmlinkage __visible int _printk(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vprintk_emit(0, LOGLEVEL_DEFAULT, NULL, fmt, args);
	va_end(args);
	return n;
}

int _printk_deferred(const char *fmt, ...)
{
	EMUL("lines go to the domain's console file");
	va_list args;
	int n;

	va_start(args, fmt);
	n = vprintk_emit(0, LOGLEVEL_DEFAULT, NULL, fmt, args);
	va_end(args);
	return n;
}

#ifdef EMUL_HAS_PRINTK_DEFERRED_ENTER
void __printk_deferred_enter(void) { EMUL_IGNORE("lines go to the domain's console file"); }
void __printk_deferred_exit(void) { EMUL_IGNORE("lines go to the domain's console file"); }
#endif
void __printk_safe_enter(void) { EMUL_IGNORE("lines go to the domain's console file"); }
void __printk_safe_exit(void) { EMUL_IGNORE("lines go to the domain's console file"); }
int __printk_ratelimit(const char *func) { EMUL("lines go to the domain's console file"); return 1; }
bool printk_timed_ratelimit(unsigned long *caller_jiffies, unsigned int interval_msecs) { EMUL_IGNORE("lines go to the domain's console file"); return true; }

void __warn_printk(const char *fmt, ...)
{
	EMUL("lines go to the domain's console file");
	va_list args;

	va_start(args, fmt);
	vprintk_emit(0, LOGLEVEL_WARNING, NULL, fmt, args);
	va_end(args);
}

void __warn(const char *file, int l, void *caller, unsigned taint, struct pt_regs *regs, struct warn_args *args)
{
	EMUL("lines go to the domain's console file");
	_printk(KERN_WARNING "WARNING: at %s:%d\n", file, l);
}

int oops_in_progress;
int panic_on_warn;
ATOMIC_NOTIFIER_HEAD(panic_notifier_list);
void add_taint(unsigned flag, enum lockdep_ok ok) { EMUL_IGNORE("lines go to the domain's console file"); }
