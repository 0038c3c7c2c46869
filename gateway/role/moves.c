/* SPDX-License-Identifier: ISC
 *
 * moves: the life of a mail and of an outgoing mail as tables.  A pair without a row is refused and
 * logged by the caller.  Relies on nothing; `make tables` and a golden test print the whole matrix.
 */
#include "role/hub.h"

WORDS_DEFINE(mail_event, MAIL_EVENT, MAIL_EVENT_LIST)
WORDS_DEFINE(out_event, OUT_EVENT, OUT_EVENT_LIST)

static const struct {
	enum mail_state from;
	enum mail_event event;
	enum mail_state to;
} mail_moves[] = {
	/* from          event                  to             */
	{ MAIL_STORED,   MAIL_EVENT_START,      MAIL_OPENING  },
	{ MAIL_STORED,   MAIL_EVENT_REFUSED,    MAIL_HELD     },	/* not stored whole */
	{ MAIL_OPENING,  MAIL_EVENT_OPENED,     MAIL_OPENED   },
	{ MAIL_OPENING,  MAIL_EVENT_REFUSED,    MAIL_HELD     },
	{ MAIL_OPENING,  MAIL_EVENT_LATER,      MAIL_STORED   },
	{ MAIL_OPENING,  MAIL_EVENT_DEATH,      MAIL_STORED   },
	{ MAIL_OPENING,  MAIL_EVENT_LAST_DEATH, MAIL_HELD     },
	{ MAIL_OPENING,  MAIL_EVENT_END,        MAIL_STORED   },
	{ MAIL_OPENING,  MAIL_EVENT_REFUND,     MAIL_STORED   },
	{ MAIL_OPENED,   MAIL_EVENT_START,      MAIL_DECIDING },
	{ MAIL_DECIDING, MAIL_EVENT_DECIDED,    MAIL_DECIDED  },
	{ MAIL_DECIDING, MAIL_EVENT_REFUSED,    MAIL_HELD     },
	{ MAIL_DECIDING, MAIL_EVENT_LATER,      MAIL_OPENED   },
	{ MAIL_DECIDING, MAIL_EVENT_DEATH,      MAIL_OPENED   },
	{ MAIL_DECIDING, MAIL_EVENT_LAST_DEATH, MAIL_HELD     },
	{ MAIL_DECIDING, MAIL_EVENT_END,        MAIL_OPENED   },
	{ MAIL_DECIDING, MAIL_EVENT_REFUND,     MAIL_OPENED   },
	{ MAIL_HELD,     MAIL_EVENT_RETRY,      MAIL_STORED   },
	{ MAIL_DECIDED,  MAIL_EVENT_KEY,        MAIL_STORED   },
	{ MAIL_LEFT,     MAIL_EVENT_ADOPT,      MAIL_STORED   },
};

static const struct {
	enum out_state from;
	enum out_event event;
	enum out_state to;
} out_moves[] = {
	/* from          event                  to             */
	{ OUT_PLANNED,   OUT_EVENT_START,       OUT_PLANNED   },
	{ OUT_PLANNED,   OUT_EVENT_PROTECTED,   OUT_PROTECTED },
	{ OUT_PLANNED,   OUT_EVENT_REFUSED,     OUT_HELD      },
	{ OUT_PLANNED,   OUT_EVENT_LATER,       OUT_PLANNED   },
	{ OUT_PLANNED,   OUT_EVENT_DEATH,       OUT_PLANNED   },
	{ OUT_PLANNED,   OUT_EVENT_LAST_DEATH,  OUT_HELD      },
	{ OUT_PLANNED,   OUT_EVENT_END,         OUT_PLANNED   },
	{ OUT_PLANNED,   OUT_EVENT_REFUND,      OUT_PLANNED   },
	{ OUT_PROTECTED, OUT_EVENT_START,       OUT_PROTECTED },
	{ OUT_PROTECTED, OUT_EVENT_ACCEPTED,    OUT_SENT      },
	{ OUT_PROTECTED, OUT_EVENT_REFUSED,     OUT_HELD      },
	{ OUT_PROTECTED, OUT_EVENT_LATER,       OUT_PROTECTED },
	{ OUT_PROTECTED, OUT_EVENT_DEATH,       OUT_PROTECTED },
	{ OUT_PROTECTED, OUT_EVENT_LAST_DEATH,  OUT_HELD      },
	{ OUT_PROTECTED, OUT_EVENT_END,         OUT_PROTECTED },
	{ OUT_PROTECTED, OUT_EVENT_REFUND,      OUT_PROTECTED },
	{ OUT_PROTECTED, OUT_EVENT_LATE,        OUT_PLANNED   },
	{ OUT_PLANNED,   OUT_EVENT_REDIRECT,    OUT_PLANNED   },
	{ OUT_PROTECTED, OUT_EVENT_REDIRECT,    OUT_PLANNED   },
	{ OUT_HELD,      OUT_EVENT_RETRY,       OUT_PLANNED   },
	{ OUT_PLANNED,   OUT_EVENT_GIVE_UP,     OUT_HELD      },
	{ OUT_PROTECTED, OUT_EVENT_GIVE_UP,     OUT_HELD      },
	{ OUT_PLANNED,   OUT_EVENT_CANCEL,      OUT_CANCELLED },
	{ OUT_PROTECTED, OUT_EVENT_CANCEL,      OUT_CANCELLED },
	{ OUT_HELD,      OUT_EVENT_CANCEL,      OUT_CANCELLED },
};

int
mail_move(enum mail_state from, enum mail_event event)
{
	for (guint i = 0; i < G_N_ELEMENTS(mail_moves); i++)
		if (mail_moves[i].from == from && mail_moves[i].event == event)
			return (int)mail_moves[i].to;
	return -1;
}

int
out_move(enum out_state from, enum out_event event)
{
	for (guint i = 0; i < G_N_ELEMENTS(out_moves); i++)
		if (out_moves[i].from == from && out_moves[i].event == event)
			return (int)out_moves[i].to;
	return -1;
}

char *
moves_print(void)
{
	GString *out = g_string_new("# life of a mail: from, event, to (-: refused)\n");

	for (int s = 0; s < mail_state_count; s++)
		for (int e = 0; e < mail_event_count; e++) {
			int to = mail_move((enum mail_state)s, (enum mail_event)e);
			g_string_append_printf(out, "%-10s %-12s %s\n",
				mail_state_word((enum mail_state)s),
				mail_event_word((enum mail_event)e),
				to < 0 ? "-" : mail_state_word((enum mail_state)to));
		}
	g_string_append(out, "# life of an outgoing mail\n");
	for (int s = 0; s < out_state_count; s++)
		for (int e = 0; e < out_event_count; e++) {
			int to = out_move((enum out_state)s, (enum out_event)e);
			g_string_append_printf(out, "%-10s %-12s %s\n",
				out_state_word((enum out_state)s),
				out_event_word((enum out_event)e),
				to < 0 ? "-" : out_state_word((enum out_state)to));
		}
	return g_string_free(out, FALSE);
}
