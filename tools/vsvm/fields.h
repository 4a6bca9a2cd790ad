/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fields: one table describes a record, text and JSON come out of it.
 */
#ifndef VSVM_FIELDS_H
#define VSVM_FIELDS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

enum field_kind {
	FIELD_TEXT,	/* char [] */
	FIELD_U32,
	FIELD_U64,
	FIELD_BYTES32,	/* uint32_t, text shows a unit */
	FIELD_BYTES64,	/* uint64_t, text shows a unit */
	FIELD_REAL,	/* double; NAN: not known, "-" in text and null in JSON */
	FIELD_BOOL,	/* bool, text shows yes or nothing */
};

struct field {
	const char *name;	/* in JSON */
	const char *label;	/* in text */
	enum field_kind kind;
	size_t offset;
};

/* The table of fields ends with an entry without a name. */
void fields_text(const struct field *fields, const void *record, FILE *to);

/*
 * The same as columns: a line of labels, and then a line for each record. A label
 * is as wide as its column; one that begins with a space stands on the right.
 */
void fields_head(const struct field *fields, FILE *to);
void fields_row(const struct field *fields, const void *record, FILE *to);

/* NULL: out of memory. */
struct json_object *fields_json(const struct field *fields, const void *record);

/* A number of bytes as a person says it: "16 MiB", "1.5 KiB". */
#define SIZE_TEXT	32
const char *size_text(uint64_t bytes, char text[SIZE_TEXT]);

#endif /* VSVM_FIELDS_H */
