/* SPDX-License-Identifier: ISC
 *
 * json: the few ways a value gets into an answer.  Jansson refuses text that is no UTF-8 and
 * aborts nothing when memory ends: both are settled here, so that no verb has to look.
 */
#include "ctl/ctl.h"

#include <sysexits.h>

static json_t *
made(json_t *value)
{
	if (!value)
		fatal(EX_OSERR, "out of memory");
	return value;
}

static json_t *
text_value(const char *text)
{
	if (!text)
		return json_null();

	g_autofree char *valid = g_utf8_make_valid(text, -1);

	return made(json_string(valid));
}

static void
put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, made(value)) != 0)
		panic("json: cannot set %s", key);
}

void
put_text(json_t *object, const char *key, const char *text)
{
	put(object, key, text_value(text));
}

void
put_time(json_t *object, const char *key, gint64 ms)
{
	g_autofree char *text = ms >= 0 ? clock_rfc3339(ms) : NULL;

	put_text(object, key, text);
}

void
put_int(json_t *object, const char *key, gint64 value)
{
	put(object, key, json_integer(value));
}

void
put_bool(json_t *object, const char *key, bool value)
{
	put(object, key, json_boolean(value));
}

void
put_id(json_t *object, const char *key, struct id id)
{
	g_autofree char *text = id_is_null(id) ? NULL : id_text(id);

	put_text(object, key, text);
}

json_t *
put_array(json_t *object, const char *key)
{
	json_t *array = made(json_array());

	put(object, key, array);
	return array;
}

json_t *
put_object(json_t *object, const char *key)
{
	json_t *inner = made(json_object());

	put(object, key, inner);
	return inner;
}

static void
append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, made(value)) != 0)
		panic("json: cannot append");
}

json_t *
add_object(json_t *array)
{
	json_t *object = made(json_object());

	append(array, object);
	return object;
}

void
add_text(json_t *array, const char *text)
{
	append(array, text_value(text));
}
