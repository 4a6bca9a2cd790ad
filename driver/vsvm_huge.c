// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether private devices have huge pages.
 *
 * When core mm zaps the migration entry of a huge device page, it takes the entry for a
 * mapping (Linux 7.3, zap_huge_pmd_folio()) and frees the page while it is mapped. Any
 * user can cause that, and no driver can prevent it, as docs/kernels.md shows. So by
 * default huge device pages exist only on kernels that test the entry.
 *
 * Lifetime: the module's; nothing changes after module load. Locks: none.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "vsvm_huge.h"

/* Values of huge_pages=. */
static const char * const choices[] = { "auto", "0", "1" };

enum {
	CHOICE_AUTO,
	CHOICE_OFF,
	CHOICE_ON,
};

static int choice = CHOICE_AUTO;

static int huge_set(const char *text, const struct kernel_param *kp)
{
	int ret = sysfs_match_string(choices, text);

	if (ret < 0) {
		pr_err("vsvm: huge_pages=%s: must be auto, 0 or 1\n", text);
		return ret;
	}
	choice = ret;
	return 0;
}

static int huge_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", choices[choice]);
}

static const struct kernel_param_ops huge_ops = {
	.set = huge_set,
	.get = huge_get,
};

module_param_cb(huge_pages, &huge_ops, NULL, 0444);
MODULE_PARM_DESC(huge_pages,
		 "2 MiB device pages: 0, 1, or auto: where core mm is safe with them (default auto)");

/**
 * vsvm_huge_pages() - check whether private devices have huge pages
 *
 * Return: true if they have.
 */
bool vsvm_huge_pages(void)
{
	return choice == CHOICE_AUTO ? VSVM_HUGE_IS_SAFE : choice == CHOICE_ON;
}

/**
 * vsvm_huge_say() - log at module load if huge pages are missing or unsafe
 */
void vsvm_huge_say(void)
{
	if (VSVM_HUGE_IS_SAFE || choice == CHOICE_OFF)
		return;
	if (choice == CHOICE_ON && VSVM_HUGE_OOPSES)
		pr_notice("vsvm: huge_pages=1: users of this kernel can crash it through huge device pages, see docs/kernels.md\n");
	else if (choice == CHOICE_ON)
		pr_notice("vsvm: huge_pages=1: users of this kernel can reach each other's memory through huge device pages, see docs/kernels.md\n");
	else
		pr_notice("vsvm: no huge device pages: this kernel %s, see docs/kernels.md; huge_pages=1 where all users are trusted\n",
			  VSVM_HUGE_OOPSES ? "crashes when they go to another node" :
					     "frees them too early");
}
