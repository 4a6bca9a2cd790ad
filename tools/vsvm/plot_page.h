/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plot_page: plot_page.html in two strings, which the build makes of it: what is in
 * front of the data, and what is behind it.
 */
#ifndef VSVM_PLOT_PAGE_H
#define VSVM_PLOT_PAGE_H

extern const char plot_page_head[];
extern const char plot_page_tail[];

#endif /* VSVM_PLOT_PAGE_H */
