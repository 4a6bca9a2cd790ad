// SPDX-License-Identifier: GPL-2.0-only
/*
 * On a machine with several nodes, a coherent device's pages are of the node that its
 * memory is on, not of the one where the module was loaded.
 */
#include <kselftest_harness.h>

#include "vt.h"

#define NODES	64

/* The first page of device number @device, by its name in /proc/iomem; 0: none. */
static unsigned long first_pfn(unsigned int device)
{
	FILE *f = fopen("/proc/iomem", "re");
	unsigned long start, pfn = 0;
	char line[256], name[16];
	unsigned int found;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " %lx-%*x : %15[a-z].%u", &start, name,
			   &found) == 3 && !strcmp(name, "vsvm") &&
		    found == device)
			pfn = start / VT_PAGE;
	fclose(f);
	return pfn;
}

/*
 * From /proc/zoneinfo: the node whose ordinary memory is around @pfn, and how many
 * pages of devices each node has. Returns how many nodes there are.
 */
static int look_at_zones(unsigned long pfn, int *around,
			 unsigned long devices[NODES])
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	unsigned long start, spanned = 0;
	int node = 0, last = -1;
	char line[256], zone[16] = "";

	if (!f)
		return 0;
	*around = -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %d, zone %15s", &node, zone) == 2) {
			last = node;
		} else if (sscanf(line, " spanned %lu", &spanned) == 1) {
			if (!strcmp(zone, "Device"))
				devices[node % NODES] = spanned;
		} else if (sscanf(line, " start_pfn: %lu", &start) == 1) {
			if (!strcmp(zone, "Normal") && start <= pfn &&
			    pfn < start + spanned)
				*around = node;
		}
	}
	fclose(f);
	return last + 1;
}

/* Finds the first coherent device; -ENODEV: there is none. */
static int find_coherent(struct drm_vsvm_info *info)
{
	struct vsvm *v;
	unsigned int i;
	int ret;

	for (i = 0;; i++) {
		ret = vsvm_open(i, &v);
		if (ret)
			return ret;
		ret = vsvm_info(v, info);
		vsvm_close(v);
		if (ret || info->kind == DRM_VSVM_KIND_COHERENT)
			return ret;
	}
}

TEST(coherent_pages_are_of_their_memorys_node)
{
	unsigned long devices[NODES] = {}, pfn;
	struct drm_vsvm_info info = {};
	int around, ret;

	ret = find_coherent(&info);
	if (ret == -ENODEV)
		SKIP(return, "there is no coherent device");
	ASSERT_EQ(0, ret);
	pfn = first_pfn(info.device);
	ASSERT_NE(0, pfn);
	ret = look_at_zones(pfn, &around, devices);
	if (ret == 1)
		SKIP(return, "there is one node");
	ASSERT_LE(2, ret);
	/* Elsewhere the test would pass by itself. */
	ASSERT_LT(0, around);
	EXPECT_EQ(info.vram_size / VT_PAGE, devices[around]);
}

TEST_HARNESS_MAIN
