/* SPDX-License-Identifier: ISC
 *
 * again: a name that was in use before.  In a Maildir a base name may come a second time: a person
 * put the mail back, or another mail is called like one that lies in the done folder.
 */
#include "role/intake.h"

static bool
moves_again(struct hub *hub, struct id id, const char *hex)
{
	struct mail *mail = mail_get(hub->store, id);
	bool same = g_strcmp0(mail->sha256, hex) == 0;
	g_autoptr(GError) error = NULL;

	if (same) {
		mail->moved = false;
		hub_must(mail_put(hub->store, mail, &error), &error, "mail");
	}
	mail_free(mail);
	return same;
}

/* A mail put back is only moved again.  Another one under a known name gets the name the done
 * folder will give it: NAME,ungcuu-2 and so on.  True: nothing new to store. */
bool
intake_put_back(struct hub *hub, const struct intake *box, struct wanted *wanted, const char *hex)
{
	g_autofree char *name = g_steal_pointer(&wanted->uid);
	struct id known = wanted->known;

	for (guint n = 2; ; n++) {
		if (moves_again(hub, known, hex))
			return true;
		g_free(wanted->uid);
		wanted->uid = g_strdup_printf("%s" SECOND "%u", name, n);
		if (!mail_known(hub->store, box->name, box->identity, wanted->uid, &known))
			return false;
	}
}
