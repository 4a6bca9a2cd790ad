// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm info: what devices there are and what they hold.
 *
 * Owns the record that is shown for each device, filled from the INFO ioctl
 * and from what DRM knows of the node.
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <xf86drm.h>

#include "fields.h"
#include "vsvm.h"

/* Where the search for a first device ends; it knows how many there are. */
#define FIRST_DEVICES	16

struct record {
	char node[64];
	char driver[64];
	char kind[16];
	char dma[4];
	struct drm_vsvm_info info;
};

#define INFO_FIELD(n, l, k) \
	{ #n, l, k, offsetof(struct record, info) + \
		    offsetof(struct drm_vsvm_info, n) }

static const struct field fields[] = {
	INFO_FIELD(device, "device", FIELD_U32),
	{ "node", "node", FIELD_TEXT, offsetof(struct record, node) },
	{ "driver", "driver", FIELD_TEXT, offsetof(struct record, driver) },
	{ "kind", "kind of memory", FIELD_TEXT, offsetof(struct record, kind) },
	{ "dma", "DMA addresses", FIELD_TEXT, offsetof(struct record, dma) },
	INFO_FIELD(devices, "devices", FIELD_U32),
	INFO_FIELD(page_size, "page size", FIELD_BYTES32),
	INFO_FIELD(huge_size, "huge page size", FIELD_BYTES64),
	INFO_FIELD(vram_size, "device memory", FIELD_BYTES64),
	INFO_FIELD(vram_used, "device memory used", FIELD_BYTES64),
	INFO_FIELD(vram_backing, "host memory used", FIELD_BYTES64),
	{ 0 },
};

struct options {
	bool json;
	bool one;
	unsigned int device;
};

static const struct argp_option argp_options[] = {
	{ "device", 'd', "N", 0, "Only device number N", 0 },
	{ "json", 'j', NULL, 0, "Print JSON, sizes in bytes", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opts = state->input;
	unsigned long number;

	switch (key) {
	case 'd':
		if (!parse_number(arg, 0, 1023, &number))
			argp_error(state, "not a device number: '%s'", arg);
		opts->device = number;
		opts->one = true;
		return 0;
	case 'j':
		opts->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.doc = "Show what vsvm devices there are and what they hold.",
};

static int fill(struct vsvm *v, struct record *rec)
{
	drmVersionPtr version;
	char *node;
	int ret;

	ret = vsvm_info(v, &rec->info);
	if (ret)
		return ret;

	snprintf(rec->kind, sizeof(rec->kind), "%s",
		 rec->info.kind == DRM_VSVM_KIND_COHERENT ? "coherent" : "private");
	snprintf(rec->dma, sizeof(rec->dma), "%s",
		 rec->info.caps & DRM_VSVM_CAP_DMA ? "yes" : "no");
	version = drmGetVersion(vsvm_fd(v));
	if (!version)
		return -ENODEV;
	snprintf(rec->driver, sizeof(rec->driver), "%s %d.%d.%d", version->name,
		 version->version_major, version->version_minor,
		 version->version_patchlevel);
	drmFreeVersion(version);

	node = drmGetDeviceNameFromFd2(vsvm_fd(v));
	snprintf(rec->node, sizeof(rec->node), "%s", node ? node : "?");
	free(node);
	return 0;
}

/* -ENODEV: no such device, which is for the caller to judge. */
static int show(unsigned int device, struct json_object *list,
		unsigned int *devices, bool first)
{
	struct record rec = { 0 };
	struct json_object *object;
	struct vsvm *v;
	int ret;

	ret = vsvm_open(device, &v);
	if (ret)
		return ret;
	ret = fill(v, &rec);
	vsvm_close(v);
	if (ret)
		return ret;

	*devices = rec.info.devices;
	if (list) {
		object = fields_json(fields, &rec);
		if (!object || json_object_array_add(list, object))
			return -ENOMEM;
	} else {
		if (!first)
			putchar('\n');
		fields_text(fields, &rec, stdout);
	}
	return 0;
}

/*
 * All devices: an unplugged one leaves a gap in the numbers, and one that cannot be
 * opened hides no other. Returns what was wrong with the last of these; -ENODEV: there
 * are none.
 */
static int show_all(struct json_object *list)
{
	unsigned int nr = FIRST_DEVICES, shown = 0, i;
	int bad = 0, ret;

	for (i = 0; i < nr; i++) {
		ret = show(i, list, &nr, !shown);
		if (!ret) {
			shown++;
		} else if (ret != -ENODEV) {
			complain(ret, "device %u", i);
			bad = ret;
		}
	}
	return shown || bad ? bad : -ENODEV;
}

static int print_json(struct json_object *list)
{
	struct json_object *root = json_object_new_object();
	const char *text;

	if (!root || json_object_object_add(root, "devices", json_object_get(list)))
		return -ENOMEM;

	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_SPACED |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	json_object_put(root);
	return text ? 0 : -ENOMEM;
}

int cmd_info(int argc, char **argv)
{
	struct json_object *list = NULL;
	struct options opts = { 0 };
	unsigned int devices;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &opts);

	if (opts.json) {
		list = json_object_new_array();
		if (!list) {
			complain(-ENOMEM, "info");
			return EXIT_WRONG;
		}
	}

	ret = opts.one ? show(opts.device, list, &devices, true) : show_all(list);
	if (ret == -ENODEV && opts.one)
		complain(0, "there is no vsvm device %u", opts.device);
	else if (ret == -ENODEV)
		complain(0, "there is no vsvm device (is the module loaded?)");
	else if (ret && opts.one)
		complain(ret, "device %u", opts.device);

	if (opts.json && (!ret || json_object_array_length(list))) {
		int printed = print_json(list);

		if (printed)
			complain(printed, "info");
		ret = ret ?: printed;
	}
	json_object_put(list);
	return ret ? EXIT_WRONG : EXIT_OK;
}
