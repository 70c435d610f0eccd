import java.time.LocalDate;

/** Event time: RFC 3339 with a zone to milliseconds since the epoch, and back in UTC. */
final class Times {
    private static final long DAY_MS = 86_400_000L;
    private static long lastDay = Long.MIN_VALUE;  // one thread; neighbours in a log are mostly of one day
    private static String lastDate = "";

    private Times() {}

    /** Returns the milliseconds; throws if the text is no time. Digits below a millisecond are cut off. */
    static long parse(String text) {
        int end = text.length();
        if (end < 20 || text.charAt(4) != '-' || text.charAt(7) != '-' || (text.charAt(10) | 32) != 't'
            || text.charAt(13) != ':' || text.charAt(16) != ':') {
            throw new IllegalArgumentException("bad_timestamp");
        }
        long day = LocalDate.of(digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10)).toEpochDay();
        int hour = digits(text, 11, 13), minute = digits(text, 14, 16), second = digits(text, 17, 19);
        int at = 19, fraction = 0;
        if (text.charAt(at) == '.') {
            int from = ++at;
            while (at < end && Character.isDigit(text.charAt(at))) at++;
            for (int i = 0; i < 3; i++) fraction = fraction * 10 + (from + i < at ? text.charAt(from + i) - '0' : 0);
        }
        if (hour > 23 || minute > 59 || second > 59) throw new IllegalArgumentException("bad_timestamp");
        return day * DAY_MS + ((hour * 60L + minute - offsetMinutes(text, at)) * 60 + second) * 1000 + fraction;
    }

    private static int offsetMinutes(String text, int at) {
        int left = text.length() - at;
        if (left == 1 && (text.charAt(at) | 32) == 'z') return 0;
        if (left != 6 || text.charAt(at + 3) != ':') throw new IllegalArgumentException("bad_timestamp");
        int minutes = digits(text, at + 1, at + 3) * 60 + digits(text, at + 4, at + 6);
        if (text.charAt(at) == '+') return minutes;
        if (text.charAt(at) == '-') return -minutes;
        throw new IllegalArgumentException("bad_timestamp");
    }

    private static int digits(String text, int from, int to) {
        int value = 0;
        for (int i = from; i < to; i++) {
            int digit = text.charAt(i) - '0';
            if (digit < 0 || digit > 9) throw new IllegalArgumentException("bad_timestamp");
            value = value * 10 + digit;
        }
        return value;
    }

    /** Returns milliseconds as `2026-01-01T00:00:00.000Z`. */
    static String format(long ms) {
        long day = Math.floorDiv(ms, DAY_MS);
        if (day != lastDay) {
            lastDate = LocalDate.ofEpochDay(day).toString();
            lastDay = day;
        }
        int rest = (int) Math.floorMod(ms, DAY_MS);
        char[] text = "T00:00:00.000Z".toCharArray();
        put(text, 1, rest / 3_600_000);
        put(text, 4, rest / 60_000 % 60);
        put(text, 7, rest / 1000 % 60);
        text[10] = (char) ('0' + rest % 1000 / 100);
        put(text, 11, rest % 100);
        return lastDate.concat(new String(text));
    }

    private static void put(char[] text, int at, int value) {
        text[at] = (char) ('0' + value / 10);
        text[at + 1] = (char) ('0' + value % 10);
    }
}
