import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** What makes a value a CloudEvent in binary mode: its id and its headers. */
final class Events {
    private static final HexFormat HEX = HexFormat.of();
    private final MessageDigest digest;
    private final byte[] source;

    Events(String appId) {
        source = bytes(appId);
        try {
            digest = MessageDigest.getInstance("MD5");  // as long as cjstream's BLAKE2b, which Java does not have
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Returns an id that is the same for the same parts. */
    String id(String... parts) {
        return HEX.formatHex(digest.digest(bytes(String.join("\0", parts))));
    }

    Headers headers(String id, String kind, String customerId, String time) {
        byte[] subject = bytes(customerId);
        return new RecordHeaders()
            .add("content-type", bytes("application/json"))
            .add("ce_specversion", bytes("1.0"))
            .add("ce_id", bytes(id))
            .add("ce_source", source)
            .add("ce_type", bytes(kind))
            .add("ce_subject", subject)
            .add("ce_time", bytes(time))
            .add("ce_partitionkey", subject);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
