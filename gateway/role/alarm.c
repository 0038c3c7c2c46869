/* SPDX-License-Identifier: ISC
 *
 * alarm: what must not wait for somebody to look.  Here only logged.
 */
#include "role/hub.h"

#include <syslog.h>

void
alarm_raise(struct hub *hub, const char *cause, const char *format, ...)
{
	g_autofree char *text = NULL, *quoted = NULL;
	va_list arguments;

	(void)hub;
	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	quoted = log_quote(text);
	log_event(LOG_ALERT, "alarm", "cause=%s text=%s", cause, quoted);
}

void
alarm_clear(struct hub *hub, const char *cause)
{
	(void)hub;
	log_event(LOG_NOTICE, "alarm-clear", "cause=%s", cause);
}
