// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsvm repro: public bugs of shared virtual memory, and whether the running kernel has
 * them.
 *
 * `list` prints the corpus, `run` runs programs of it, one after the other, each in a
 * child (repro_run.c). Owns the choice of programs.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "fields.h"
#include "repro.h"
#include "vsvm.h"

/* Nothing could be told: the value of kselftest's KSFT_SKIP. */
#define EXIT_NOTHING	4

struct options {
	bool run;
	bool list;
	bool all;
	bool dangerous;
	bool json;
	bool *chosen;		/* by the place in repros[] */
	unsigned int nr;
};

/* What is told of an entry or a run. */
struct record {
	char name[32];
	char verdict[16];
	char why[256];
	char title[96];
	char shows[640];
	char reported[96];
	char thread[256];
	char releases[256];
	char driver[256];
	uint32_t seconds;
	bool dangerous;
};

/* The text is not made of these. */
#define FIELD(field, kind) { #field, NULL, kind, offsetof(struct record, field) }

static const struct field entry_fields[] = {
	FIELD(name, FIELD_TEXT),
	FIELD(title, FIELD_TEXT),
	FIELD(shows, FIELD_TEXT),
	FIELD(reported, FIELD_TEXT),
	FIELD(thread, FIELD_TEXT),
	FIELD(releases, FIELD_TEXT),
	FIELD(driver, FIELD_TEXT),
	FIELD(seconds, FIELD_U32),
	FIELD(dangerous, FIELD_BOOL),
	{ 0 },
};

static const struct field run_fields[] = {
	FIELD(name, FIELD_TEXT),
	FIELD(verdict, FIELD_TEXT),
	FIELD(why, FIELD_TEXT),
	{ 0 },
};

static const char *const verdicts[] = {
	[REPRO_FIXED] = "fixed",
	[REPRO_AFFECTED] = "affected",
	[REPRO_UNKNOWN] = "cannot tell",
	[REPRO_NOT_RUN] = "not run",
};

static const struct argp_option argp_options[] = {
	{ "all", 'a', NULL, 0, "Run all of them", 0 },
	{ "dangerous", 'D', NULL, 0,
	  "Run also what may crash a kernel that has the bug", 0 },
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ 0 },
};

static void choose(struct argp_state *state, struct options *o, const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_repros; i++)
		if (!strcmp(repros[i]->name, name))
			break;
	if (i == nr_repros)
		argp_error(state, "there is no '%s', see 'vsvm repro list'", name);
	o->chosen[i] = true;
	o->nr++;
}

static void check(struct argp_state *state, const struct options *o)
{
	if (o->list && (o->all || o->dangerous))
		argp_error(state, "--all and --dangerous are for run");
	if (o->run && o->all && o->nr)
		argp_error(state, "--all takes no name");
	if (o->run && !o->all && !o->nr)
		argp_error(state, "run what? Names, or --all");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'a':
		o->all = true;
		return 0;
	case 'D':
		o->dangerous = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			choose(state, o, arg);
		else if (!strcmp(arg, "list"))
			o->list = true;
		else if (!strcmp(arg, "run"))
			o->run = true;
		else
			argp_error(state, "neither list nor run: '%s'", arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	case ARGP_KEY_SUCCESS:
		check(state, o);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.args_doc = "list [NAME...]\nrun NAME...\nrun --all",
	.doc = "Public bugs of shared virtual memory: does the running kernel have them?",
};

static bool is_chosen(const struct options *o, unsigned int i)
{
	return o->chosen[i] || !o->nr;
}

/* A text without its line breaks. */
static void flow(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
	for (; *to; to++)
		if (*to == '\n')
			*to = ' ';
}

static void fill(struct record *rec, const struct repro *r)
{
	memset(rec, 0, sizeof(*rec));
	snprintf(rec->name, sizeof(rec->name), "%s", r->name);
	flow(rec->title, sizeof(rec->title), r->title);
	flow(rec->shows, sizeof(rec->shows), r->shows);
	flow(rec->reported, sizeof(rec->reported), r->reported);
	flow(rec->thread, sizeof(rec->thread), r->thread);
	flow(rec->releases, sizeof(rec->releases), r->releases);
	flow(rec->driver, sizeof(rec->driver), r->driver);
	rec->seconds = r->seconds;
	rec->dangerous = r->dangerous;
}

static int add(struct json_object *list, const struct field *fields,
	       const struct record *rec)
{
	struct json_object *object = fields_json(fields, rec);

	if (!object || json_object_array_add(list, object))
		return -ENOMEM;
	return 0;
}

/* A label, and a text with its line breaks. */
static void show(const char *label, const char *text)
{
	int len;

	for (; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		printf("%-12s%.*s\n", label, len, text);
		label = "";
	}
}

static void show_all(const struct repro *r)
{
	char seconds[64];

	snprintf(seconds, sizeof(seconds), "%u seconds at most%s", r->seconds,
		 r->dangerous ? "; may crash a kernel with the bug" : "");
	show("name", r->name);
	show("bug", r->title);
	show("shows", r->shows);
	show("reported", r->reported);
	show("", r->thread);
	show("kernels", r->releases);
	show("driver", r->driver);
	show("takes", seconds);
}

/* One line each; all that is known of those that were named. */
static int list(const struct options *o, struct json_object *out)
{
	struct record rec;
	bool first = true;
	unsigned int i;

	for (i = 0; i < nr_repros; i++) {
		if (!is_chosen(o, i))
			continue;
		fill(&rec, repros[i]);
		if (out) {
			if (add(out, entry_fields, &rec))
				return -ENOMEM;
		} else if (o->nr) {
			if (!first)
				putchar('\n');
			show_all(repros[i]);
		} else {
			printf("%-22s%s%s\n", rec.name, rec.title,
			       rec.dangerous ? " (may crash)" : "");
			printf("%-22s%s\n", "", rec.reported);
		}
		first = false;
	}
	return 0;
}

static int run(const struct options *o, struct json_object *out, int *status)
{
	unsigned int count[REPRO_NOT_RUN + 1] = { 0 };
	struct repro_result result;
	struct record rec;
	unsigned int i;

	for (i = 0; i < nr_repros; i++) {
		if (!is_chosen(o, i))
			continue;
		repro_run(repros[i], o->dangerous, &result);
		count[result.verdict]++;
		fill(&rec, repros[i]);
		snprintf(rec.verdict, sizeof(rec.verdict), "%s",
			 verdicts[result.verdict]);
		snprintf(rec.why, sizeof(rec.why), "%s", result.why);
		if (out) {
			if (add(out, run_fields, &rec))
				return -ENOMEM;
			continue;
		}
		printf("%s: %s", rec.name, rec.verdict);
		if (*rec.why)
			printf(" (%s)", rec.why);
		putchar('\n');
		/* The next one may be the last. */
		fflush(stdout);
	}
	if (count[REPRO_AFFECTED])
		*status = EXIT_WRONG;
	else if (!count[REPRO_FIXED])
		*status = EXIT_NOTHING;
	return 0;
}

static int print_json(struct json_object *list)
{
	struct json_object *root = json_object_new_object();
	const char *text;

	if (!root ||
	    json_object_object_add(root, "repros", json_object_get(list)))
		return -ENOMEM;
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_SPACED |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	json_object_put(root);
	return text ? 0 : -ENOMEM;
}

int cmd_repro(int argc, char **argv)
{
	struct json_object *out = NULL;
	struct options o = { 0 };
	int status = EXIT_OK, ret;

	o.chosen = calloc(nr_repros, sizeof(*o.chosen));
	if (!o.chosen) {
		complain(-ENOMEM, "repro");
		return EXIT_WRONG;
	}
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.json)
		out = json_object_new_array();
	ret = o.json && !out ? -ENOMEM :
	      o.run ? run(&o, out, &status) : list(&o, out);
	if (!ret && out)
		ret = print_json(out);
	if (ret)
		complain(ret, "repro");
	json_object_put(out);
	free(o.chosen);
	return ret ? EXIT_WRONG : status;
}
