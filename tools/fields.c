// SPDX-License-Identifier: GPL-2.0-only
/*
 * fields: one table describes a record, text and JSON come out of it.
 *
 * Owns nothing: tables and records belong to the callers, a JSON object that
 * is returned belongs to them too.
 */
#include <string.h>

#include <json-c/json.h>

#include "fields.h"

const char *size_text(uint64_t bytes, char text[SIZE_TEXT])
{
	static const char *const units[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB",
	};
	double value = bytes;
	unsigned int unit = 0;

	for (; value >= 1024; value /= 1024)
		unit++;
	snprintf(text, SIZE_TEXT, "%.*f %s", value != (uint64_t)value, value,
		 units[unit]);
	return text;
}

static uint64_t field_number(const struct field *f, const void *record)
{
	const char *at = (const char *)record + f->offset;
	uint32_t u32;
	uint64_t u64;

	if (f->kind == FIELD_BYTES64) {
		memcpy(&u64, at, sizeof(u64));
		return u64;
	}
	memcpy(&u32, at, sizeof(u32));
	return u32;
}

static const char *field_string(const struct field *f, const void *record)
{
	return (const char *)record + f->offset;
}

void fields_text(const struct field *fields, const void *record, FILE *to)
{
	const struct field *f;
	char text[SIZE_TEXT];

	for (f = fields; f->name; f++) {
		fprintf(to, "%-20s", f->label);
		switch (f->kind) {
		case FIELD_TEXT:
			fprintf(to, "%s\n", field_string(f, record));
			break;
		case FIELD_U32:
			fprintf(to, "%llu\n",
				(unsigned long long)field_number(f, record));
			break;
		case FIELD_BYTES32:
		case FIELD_BYTES64:
			fprintf(to, "%s\n",
				size_text(field_number(f, record), text));
			break;
		}
	}
}

struct json_object *fields_json(const struct field *fields, const void *record)
{
	struct json_object *object = json_object_new_object();
	struct json_object *value;
	const struct field *f;

	if (!object)
		return NULL;

	for (f = fields; f->name; f++) {
		if (f->kind == FIELD_TEXT)
			value = json_object_new_string(field_string(f, record));
		else
			value = json_object_new_uint64(field_number(f, record));
		if (!value || json_object_object_add(object, f->name, value))
			goto err_put;
	}
	return object;

err_put:
	json_object_put(object);
	return NULL;
}
