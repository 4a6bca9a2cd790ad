// SPDX-License-Identifier: GPL-2.0-only
#include "vt_rv.h"

enum vt_rv_parcel vt_rv_parcel(uint16_t p)
{
	unsigned int rd = p >> 7 & 31, rs2 = p >> 2 & 31, imm6 = (p >> 7 & 32) | rs2;

	switch ((p & 3) << 3 | p >> 13) {
	case 000:	/* C.ADDI4SPN */
		return p >> 5 ? VT_RV_COMPUTES : VT_RV_OTHER;
	case 002:
	case 003:
	case 006:
	case 007:
		return VT_RV_ACCESSES;
	case 010:	/* C.ADDI */
	case 012:	/* C.LI */
	case 020:	/* C.SLLI */
		return VT_RV_COMPUTES;
	case 011:	/* C.ADDIW */
		return rd ? VT_RV_COMPUTES : VT_RV_OTHER;
	case 013:	/* C.LUI, C.ADDI16SP */
		return imm6 ? VT_RV_COMPUTES : VT_RV_OTHER;
	case 014:
		return (p & 0x1c40) == 0x1c40 ? VT_RV_OTHER : VT_RV_COMPUTES;
	case 022:
	case 023:
		return rd ? VT_RV_STACK : VT_RV_OTHER;
	case 024:	/* C.MV, C.ADD */
		return rs2 ? VT_RV_COMPUTES : VT_RV_OTHER;
	case 026:
	case 027:
		return VT_RV_STACK;
	default:
		return VT_RV_OTHER;
	}
}

unsigned int vt_rv_parcel_target(uint16_t p)
{
	if ((p & 3) == 0)
		return 8 + (p >> 2 & 7);
	if ((p & 0xe003) == 0x8001)
		return 8 + (p >> 7 & 7);
	return p >> 7 & 31;
}
