// SPDX-License-Identifier: GPL-2.0-only
/*
 * fields: one table describes a record, text and JSON come out of it.
 *
 * Owns nothing: tables and records belong to the callers, a JSON object that
 * is returned belongs to them too.
 */
#include <math.h>
#include <stdbool.h>
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

	if (f->kind == FIELD_BYTES64 || f->kind == FIELD_U64) {
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

static double field_real(const struct field *f, const void *record)
{
	double real;

	memcpy(&real, (const char *)record + f->offset, sizeof(real));
	return real;
}

static bool field_bool(const struct field *f, const void *record)
{
	return *((const char *)record + f->offset);
}

/* About four digits, whatever the size. */
static const char *real_text(double real, char text[SIZE_TEXT])
{
	if (isnan(real))
		return "-";
	snprintf(text, SIZE_TEXT, "%.*f",
		 real < 10 ? 3 : real < 100 ? 2 : real < 1000 ? 1 : 0, real);
	return text;
}

static const char *field_text(const struct field *f, const void *record,
			      char text[SIZE_TEXT])
{
	switch (f->kind) {
	case FIELD_TEXT:
		return field_string(f, record);
	case FIELD_U32:
	case FIELD_U64:
		snprintf(text, SIZE_TEXT, "%llu",
			 (unsigned long long)field_number(f, record));
		return text;
	case FIELD_BYTES32:
	case FIELD_BYTES64:
		return size_text(field_number(f, record), text);
	case FIELD_REAL:
		return real_text(field_real(f, record), text);
	case FIELD_BOOL:
		return field_bool(f, record) ? "yes" : "";
	}
	return "";
}

void fields_text(const struct field *fields, const void *record, FILE *to)
{
	const struct field *f;
	char text[SIZE_TEXT];

	for (f = fields; f->name; f++)
		fprintf(to, "%-20s%s\n", f->label,
			field_text(f, record, text));
}

void fields_head(const struct field *fields, FILE *to)
{
	const struct field *f;

	for (f = fields; f->name; f++)
		fprintf(to, "%s%s", f == fields ? "" : " ", f->label);
	fputc('\n', to);
}

void fields_row(const struct field *fields, const void *record, FILE *to)
{
	const struct field *f;
	char text[SIZE_TEXT];
	int width;

	for (f = fields; f->name; f++) {
		width = strlen(f->label);
		fprintf(to, "%s%*s", f == fields ? "" : " ",
			*f->label == ' ' ? width : -width,
			field_text(f, record, text));
	}
	fputc('\n', to);
}

static struct json_object *field_json(const struct field *f, const void *record)
{
	switch (f->kind) {
	case FIELD_TEXT:
		return json_object_new_string(field_string(f, record));
	case FIELD_REAL:
		return json_object_new_double(field_real(f, record));
	case FIELD_BOOL:
		return json_object_new_boolean(field_bool(f, record));
	default:
		return json_object_new_uint64(field_number(f, record));
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
		/* JSON has no NAN; NULL is how json-c says null. */
		value = NULL;
		if (f->kind != FIELD_REAL || !isnan(field_real(f, record))) {
			value = field_json(f, record);
			if (!value)
				goto err_put;
		}
		if (json_object_object_add(object, f->name, value))
			goto err_put;
	}
	return object;

err_put:
	json_object_put(object);
	return NULL;
}
