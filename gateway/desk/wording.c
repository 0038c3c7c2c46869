/* SPDX-License-Identifier: ISC
 *
 * wording: times, sizes, codes and verdicts as people read them, in Vietnamese and English, and the
 * values every mail has. Vietnam has one zone, UTC+7 without summer time, so no zone data is read.
 */
#include "desk/internal.h"

#include <string.h>

#define ZONE_SECONDS	(7 * 3600)
#define KILO		G_GUINT64_CONSTANT(1000)

bool
language_is_en(const char *language)
{
	return language != NULL && strcmp(language, "en") == 0;
}

static const char *const months[] = { "January", "February", "March", "April", "May", "June",
	"July", "August", "September", "October", "November", "December" };

char *
time_for_people(gint64 ms, const char *language)
{
	gint64 seconds = ms / 1000 - (ms % 1000 < 0);
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(seconds);
	g_autoptr(GDateTime) t = utc ? g_date_time_add_seconds(utc, ZONE_SECONDS) : NULL;

	if (t == NULL)
		return g_strdup(language_is_en(language) ? "at an unknown time"
			: "không rõ thời điểm");
	int hour = g_date_time_get_hour(t), minute = g_date_time_get_minute(t);
	int day = g_date_time_get_day_of_month(t), month = g_date_time_get_month(t);
	int year = g_date_time_get_year(t);

	if (language_is_en(language))
		return g_strdup_printf("%d %s %d %02d:%02d (UTC+7)", day, months[month - 1],
			year, hour, minute);
	return g_strdup_printf("%02d:%02d ngày %02d/%02d/%d (UTC+7)", hour, minute, day,
		month, year);
}

char *
size_for_people(guint64 bytes, const char *language)
{
	static const char *const units[] = { "kB", "MB", "GB" };
	guint64 tenths = bytes / (KILO / 10);
	guint unit = 0;

	if (bytes < KILO)
		return g_strdup_printf("%" G_GUINT64_FORMAT " byte%s", bytes,
			language_is_en(language) && bytes != 1 ? "s" : "");
	while (tenths >= KILO * 10 && unit + 1 < G_N_ELEMENTS(units)) {
		tenths /= KILO;
		unit++;
	}
	return g_strdup_printf("%" G_GUINT64_FORMAT "%c%u %s", tenths / 10,
		language_is_en(language) ? '.' : ',', (guint)(tenths % 10), units[unit]);
}

char *
code_grouped(const char *code, guint n, const char *between)
{
	GString *out = g_string_new(NULL);
	guint written = 0;

	for (; code != NULL && *code != '\0'; code++) {
		if (g_ascii_isspace(*code) || *code == '-')
			continue;
		if (written > 0 && written % n == 0)
			g_string_append(out, between);
		g_string_append_c(out, *code);
		written++;
	}
	return g_string_free(out, FALSE);
}

/* columns: verdict, Vietnamese, English; each fits a line under "Chữ ký số của thư đã nhận:" */
static const struct {
	const char *vi, *en;
} signatures[signature_count] = {
	[SIGNATURE_BAD] = { "không khớp với nội dung thư đã đến đây",
		"does not match the mail as it arrived here" },
	[SIGNATURE_REVOKED] = { "do một khóa đã bị thu hồi tạo ra, không có giá trị",
		"made by a revoked key, of no value" },
	[SIGNATURE_UNVERIFIABLE] = { "có, nhưng chúng tôi chưa kiểm tra được",
		"present, but we could not check it" },
	[SIGNATURE_EXPIRED] = { "do một khóa đã hết hạn lúc ký tạo ra",
		"made by a key that had expired when it signed" },
	[SIGNATURE_WEAK] = { "khớp, nhưng dùng thuật toán không còn an toàn",
		"matches, but uses an algorithm no longer safe" },
	[SIGNATURE_PARTIAL] = { "khớp, nhưng chỉ bao gồm một phần của thư",
		"matches, but covers only a part of the mail" },
	[SIGNATURE_MISMATCH] = { "khớp, nhưng khóa không phải của địa chỉ gửi thư",
		"matches, but the key is not that of the From address" },
	[SIGNATURE_UNKNOWN_KEY] = { "khớp, nhưng khóa chưa đăng ký với chúng tôi",
		"matches, but the key is not registered with us" },
	[SIGNATURE_TRUSTED] = { "hợp lệ, bằng khóa đã đăng ký với chúng tôi",
		"valid, by a key registered with us" },
	[SIGNATURE_NONE] = { "không có", "none" },
};

static const struct {
	const char *vi, *en;
} encryptions[encryption_count] = {
	[ENCRYPTION_MALFORMED] = { "đã mã hóa, dữ liệu mã hóa bị hỏng",
		"encrypted, the data is damaged" },
	[ENCRYPTION_UNSUPPORTED] = { "đã mã hóa, theo cách chưa được hỗ trợ",
		"encrypted, in a way that is not supported" },
	[ENCRYPTION_NOT_FOR_US] = { "đã mã hóa, không phải cho khóa của chúng tôi",
		"encrypted, but not to a key of ours" },
	[ENCRYPTION_EXPIRED_KEY] = { "đã mã hóa cho một khóa cũ không còn giữ",
		"encrypted to an old key that is gone" },
	[ENCRYPTION_DECRYPTED] = { "đã mã hóa và đã mở được", "encrypted, and opened" },
	[ENCRYPTION_NONE] = { "không mã hóa", "not encrypted" },
};

const char *
signature_for_people(enum signature s, const char *language)
{
	if ((guint)s >= signature_count)
		s = SIGNATURE_BAD;
	return language_is_en(language) ? signatures[s].en : signatures[s].vi;
}

const char *
encryption_for_people(enum encryption e, const char *language)
{
	if ((guint)e >= encryption_count)
		e = ENCRYPTION_MALFORMED;
	return language_is_en(language) ? encryptions[e].en : encryptions[e].vi;
}

static const char *
filled(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static void
add_grouped(GPtrArray *values, const char *name, const char *code, guint n, const char *between)
{
	g_autofree char *grouped = filled(code) ? code_grouped(code, n, between) : NULL;

	values_add(values, name, grouped);
}

GPtrArray *
values_common(const struct site *site, const char *ticket_number, const char *thread_code,
	const char *receipt_code, gint64 now)
{
	GPtrArray *values = values_new();
	g_autofree char *sent_vi = time_for_people(now, "vi");
	g_autofree char *sent_en = time_for_people(now, "en");
	const struct {
		const char *name, *text;
	} plain[] = {
		{ "ticket", ticket_number },
		{ "hotline_id", site->id },
		{ "hotline_name.vi", site->name_vi },
		{ "hotline_name.en", filled(site->name_en) ? site->name_en : site->name_vi },
		{ "hotline_address", site->address },
		{ "phone", site->phone },
		{ "portal", site->portal },
		{ "advice.vi", site->advice_vi },
		{ "advice.en", site->advice_en },
		{ "evidence.vi", site->evidence_vi },
		{ "evidence.en", site->evidence_en },
		{ "sent.vi", sent_vi },
		{ "sent.en", sent_en },
	};

	for (guint i = 0; i < G_N_ELEMENTS(plain); i++)
		values_add(values, plain[i].name, filled(plain[i].text));
	add_grouped(values, "thread_code", thread_code, 5, "-");
	add_grouped(values, "receipt_code", receipt_code, 4, "-");
	add_grouped(values, "fingerprint", site->fingerprint, 4, " ");
	return values;
}
