// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guidance: what reached something new is kept, changed, and tried again.
 *
 * All that a thread does comes of what it draws. An input is some steps, and for each
 * step the first numbers that were drawn in it. Who replays a step draws the same
 * numbers again, and new ones where they end. So a changed number changes one decision
 * of a step and none of another step.
 *
 * First of all every input that was read is replayed as it is. What that reaches is not
 * new.
 *
 * The corpus is in memory that all processes share. Its entries never change, and those
 * below @nr are complete. What is added is written behind what is in the file at once, so
 * that it is there when the kernel goes down: an empty line, and a line of numbers in
 * hexadecimal for each step.
 *
 * Locks: adding, for who adds one. Whoever waits for it does not sleep.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

/* What is added is written there; -1: nothing is. */
static int corpus_fd = -1;

#define load(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, value)	__atomic_store_n(p, value, __ATOMIC_RELEASE)

uint64_t fuzz_draw(struct fuzz_thread *t, uint64_t below)
{
	struct fuzz_step *step = t->step;
	uint64_t x;

	if (!step)
		return storm_draw(&t->dice, below);
	if (t->drawn < step->n) {
		x = step->draw[t->drawn];
	} else {
		x = storm_draw(&t->dice, ~0ULL);
		if (step->n < FUZZ_DRAWS && t->drawn == step->n)
			step->draw[step->n++] = x;
	}
	t->drawn++;
	return x % below;
}

/* Any entry; one in two is of the newest quarter. NULL: there is none. */
static const struct fuzz_input *pick(struct fuzz_thread *t)
{
	unsigned int nr = load(&fuzz_shared->corpus.nr);
	uint64_t i;

	if (!nr)
		return NULL;
	i = storm_draw(&t->dice, nr);
	if (storm_draw(&t->dice, 2))
		i = nr - 1 - i / 4;
	return &fuzz_shared->corpus.input[i];
}

/* Changes some numbers of a step a little, or altogether. */
static void change_draws(struct fuzz_thread *t, struct fuzz_step *step)
{
	uint64_t tries = 1 + storm_draw(&t->dice, 4), *x;

	while (step->n && tries--) {
		x = &step->draw[storm_draw(&t->dice, step->n)];
		switch (storm_draw(&t->dice, 4)) {
		case 0:
			*x += storm_draw(&t->dice, 9) - 4;
			break;
		case 1:
			*x ^= 1ULL << storm_draw(&t->dice, 64);
			break;
		case 2:
			*x = step->draw[storm_draw(&t->dice, step->n)];
			break;
		default:
			*x = storm_draw(&t->dice, ~0ULL);
			break;
		}
	}
}

static void drop_step(struct fuzz_input *input, unsigned int i)
{
	memmove(&input->step[i], &input->step[i + 1],
		(--input->nr - i) * sizeof(input->step[0]));
}

static void insert_step(struct fuzz_input *input, unsigned int i,
			const struct fuzz_step *step)
{
	if (input->nr == FUZZ_STEPS)
		drop_step(input, FUZZ_STEPS - 1);
	memmove(&input->step[i + 1], &input->step[i],
		(input->nr++ - i) * sizeof(input->step[0]));
	input->step[i] = *step;
}

static void mutate(struct fuzz_thread *t, struct fuzz_input *input)
{
	unsigned int i = storm_draw(&t->dice, input->nr);
	struct fuzz_step *step = &input->step[i];
	const struct fuzz_input *other;

	switch (storm_draw(&t->dice, 6)) {
	case 0:
		/* What follows is drawn anew. */
		step->n = storm_draw(&t->dice, step->n + 1);
		break;
	case 1:
		if (input->nr > 1)
			drop_step(input, i);
		break;
	case 2:
	case 3:
		other = pick(t);
		insert_step(input, storm_draw(&t->dice, input->nr),
			    &other->step[storm_draw(&t->dice, other->nr)]);
		break;
	default:
		change_draws(t, step);
		break;
	}
}

/* What to do next: an entry of the corpus, as it is or changed, or something new. */
static void make_input(struct fuzz_thread *t)
{
	unsigned int i = __atomic_fetch_add(&fuzz_shared->corpus.replayed, 1, __ATOMIC_RELAXED);
	const struct fuzz_input *from = pick(t);
	uint64_t n = 1 + storm_draw(&t->dice, 3);

	t->replays = i < fuzz_shared->corpus.nr_read;
	if (t->replays) {
		t->input = fuzz_shared->corpus.input[i];
		return;
	}
	if (!from || storm_draw(&t->dice, 2)) {
		t->input.nr = 1 + storm_draw(&t->dice, FUZZ_STEPS);
		memset(t->input.step, 0, sizeof(t->input.step));
		return;
	}
	t->input = *from;
	while (n--)
		mutate(t, &t->input);
}

static void lock_corpus(void)
{
	while (__atomic_exchange_n(&fuzz_shared->corpus.adding, true, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock_corpus(void)
{
	store(&fuzz_shared->corpus.adding, false);
}

/* By one write of shared memory, which no armed failure keeps from the kernel. */
static void append(const struct fuzz_input *input, unsigned int nr)
{
	struct fuzz_corpus *c = &fuzz_shared->corpus;
	char *end = c->text;
	unsigned int i, k;

	*end++ = '\n';
	for (i = 0; i < nr; i++) {
		const struct fuzz_step *step = &input->step[i];

		for (k = 0; k < step->n; k++)
			end += sprintf(end, "%s%llx", k ? " " : "",
				       (unsigned long long)step->draw[k]);
		*end++ = '\n';
	}
	/* Not O_APPEND: with that, 9p writes again what was read of the file before. */
	if (pwrite(corpus_fd, c->text, end - c->text, c->end) == end - c->text)
		c->end += end - c->text;
	else
		c->unwritten = true;
}

/* Keeps the first @nr steps of an input. Returns 0, or -ENOSPC when there are too many. */
static int keep(const struct fuzz_input *input, unsigned int nr)
{
	struct fuzz_corpus *c = &fuzz_shared->corpus;
	int ret = -ENOSPC;

	lock_corpus();
	if (c->nr < FUZZ_CORPUS) {
		c->input[c->nr] = *input;
		c->input[c->nr].nr = nr;
		store(&c->nr, c->nr + 1);
		if (corpus_fd >= 0)
			append(input, nr);
		ret = 0;
	}
	unlock_corpus();
	return ret;
}

void fuzz_guide_found(struct fuzz_thread *t)
{
	if (corpus_fd < 0 || t->at >= t->input.nr)
		return;
	lock_corpus();
	append(&t->input, t->at + 1);
	unlock_corpus();
}

void fuzz_guide_begin(struct fuzz_thread *t)
{
	if (!fuzz_shared->guided)
		return;
	if (t->at == t->input.nr) {
		make_input(t);
		t->at = 0;
	}
	t->step = &t->input.step[t->at];
	t->drawn = 0;
	t->fresh = 0;
}

void fuzz_guide_end(struct fuzz_thread *t)
{
	t->fresh += fuzz_cover_take(t);
	t->step = NULL;
	if (!fuzz_shared->guided)
		return;
	t->at++;
	if (t->fresh && !t->replays)
		keep(&t->input, t->at);
}

/* Numbers of a line. Returns how many, or a negative errno. */
static int parse(const char *line, struct fuzz_step *step)
{
	char *end;

	step->n = 0;
	while (line[strspn(line, "\n ")]) {
		if (step->n == FUZZ_DRAWS)
			return -E2BIG;
		errno = 0;
		step->draw[step->n++] = strtoull(line, &end, 16);
		if (errno || end == line || !strchr("\n ", *end))
			return -EINVAL;
		line = end;
	}
	return step->n;
}

/*
 * Reads entries until the file ends, or one is wrong or too many: then its line is in
 * @line.
 */
static int read_entries(FILE *f, unsigned int *line)
{
	static struct fuzz_input input;
	static char text[FUZZ_DRAWS * 17 + 2];
	int n, ret = 0;

	for (*line = 1; !ret && fgets(text, sizeof(text), f); ++*line) {
		if (input.nr == FUZZ_STEPS && text[0] != '\n')
			return -E2BIG;
		n = text[0] == '\n' ? 0 : parse(text, &input.step[input.nr]);
		if (n < 0)
			return n;
		if (n) {
			input.nr++;
		} else if (input.nr) {
			ret = keep(&input, input.nr);
			input.nr = 0;
		}
	}
	if (!ret && input.nr)
		ret = keep(&input, input.nr);
	return ferror(f) ? -EIO : ret;
}

int fuzz_guide_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), ret;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned int line = 0;
	struct stat st;

	if (!f || fstat(fd, &st)) {
		fprintf(stderr, "fuzz: %s: %s\n", path, strerror(errno));
		return -1;
	}
	ret = read_entries(f, &line);
	fuzz_shared->corpus.nr_read = fuzz_shared->corpus.nr;
	fuzz_shared->corpus.end = st.st_size;
	corpus_fd = fd;
	if (ret)
		fprintf(stderr, "fuzz: %s, line %u: %s\n", path, line,
			ret == -E2BIG ? "more than an input has" :
			ret == -ENOSPC ? "more inputs than are kept" : strerror(-ret));
	return ret;
}
