import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What is kept of one customer, and its byte form: about as many bytes as cjstream keeps. */
final class Customer {
    private static final int RECENT_IDS = 16, ENTRY_BYTES = 10;
    private static final ByteBuffer BUFFER = ByteBuffer.allocate(1 << 16);  // one thread; fields have limits

    /** The value of an attribute at the newest touchpoint that has one. */
    record Latest(long atMs, long sequence, String value) {
        static Latest newer(Latest old, String value, Touchpoint by) {
            if (value == null) return old;
            boolean isNewer = old == null || by.atMs > old.atMs || by.atMs == old.atMs
                && (by.sequence > old.sequence || by.sequence == old.sequence && value.compareTo(old.value) > 0);
            return isNewer ? new Latest(by.atMs, by.sequence, value) : old;
        }

        static String valueOf(Latest latest) {
            return latest == null ? null : latest.value;
        }
    }

    long newestMs = -1, goalMs = -1;
    int sequence;
    byte[] recent = {};
    List<Shop.Visit> visits = List.of();
    Latest account, persona, channel;

    /** Returns whether the touchpoint is in the window of recent ids; notes it there if not. */
    boolean knows(Touchpoint touchpoint) {
        long hash = hash(touchpoint.id);
        ByteBuffer window = ByteBuffer.wrap(recent);
        for (int at = 0; at < recent.length; at += ENTRY_BYTES) if (window.getLong(at) == hash) return true;
        int kept = Math.min(recent.length, (RECENT_IDS - 1) * ENTRY_BYTES);
        byte[] longer = Arrays.copyOfRange(recent, recent.length - kept, recent.length + ENTRY_BYTES);
        ByteBuffer.wrap(longer).putLong(kept, hash).putShort(kept + 8, (short) touchpoint.fingerprint);
        recent = longer;
        return false;
    }

    private static long hash(String id) {  // FNV-1a and a final mix: far cheaper than cjstream's BLAKE2b
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < id.length(); i++) hash = (hash ^ id.charAt(i)) * 0x100000001b3L;
        hash = (hash ^ hash >>> 32) * 0x9E3779B97F4A7C15L;
        return hash ^ hash >>> 29;
    }

    /** Returns when the customer converted, in milliseconds, or -1. */
    long convertedMs() {
        return goalMs < 0 || visits.isEmpty() ? -1 : Math.max(goalMs, visits.get(0).atMs());
    }

    byte[] encode() {
        ByteBuffer out = BUFFER.clear();
        out.put((byte) 1).putLong(newestMs).putLong(goalMs).putInt(sequence);
        out.put((byte) (recent.length / ENTRY_BYTES)).put(recent);
        out.put((byte) visits.size());
        for (Shop.Visit visit : visits) {
            out.put((byte) visit.stage()).putLong(visit.atMs()).putLong(visit.sequence()).put((byte) visit.rule());
            put(out, visit.touchpointId());
        }
        put(out, account);
        put(out, persona);
        put(out, channel);
        return Arrays.copyOf(out.array(), out.position());
    }

    static Customer decode(byte[] data) {
        if (data == null) return null;
        ByteBuffer in = ByteBuffer.wrap(data);
        if (in.get() != 1) throw new IllegalArgumentException("unknown version of state");
        Customer customer = new Customer();
        customer.newestMs = in.getLong();
        customer.goalMs = in.getLong();
        customer.sequence = in.getInt();
        customer.recent = new byte[in.get() * ENTRY_BYTES];
        in.get(customer.recent);
        int count = in.get();
        customer.visits = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int stage = in.get();
            long atMs = in.getLong(), sequence = in.getLong();
            int rule = in.get();
            customer.visits.add(new Shop.Visit(stage, atMs, sequence, string(in), rule));
        }
        customer.account = latest(in);
        customer.persona = latest(in);
        customer.channel = latest(in);
        return customer;
    }

    private static void put(ByteBuffer out, Latest latest) {
        if (latest == null) {
            out.putShort((short) -1);
            return;
        }
        put(out, latest.value);
        out.putLong(latest.atMs).putLong(latest.sequence);
    }

    private static void put(ByteBuffer out, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.putShort((short) bytes.length).put(bytes);
    }

    private static Latest latest(ByteBuffer in) {
        String value = string(in);
        return value == null ? null : new Latest(in.getLong(), in.getLong(), value);
    }

    private static String string(ByteBuffer in) {
        int length = in.getShort();
        if (length < 0) return null;
        String text = new String(in.array(), in.position(), length, StandardCharsets.UTF_8);
        in.position(in.position() + length);
        return text;
    }
}
