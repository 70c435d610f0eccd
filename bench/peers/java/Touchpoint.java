import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;

/**
 * Touchpoint v1, read by Jackson's streaming parser and held to schemas/touchpoint.v1.schema.json: the required fields,
 * and type and limit of all others. What fails throws: the generated load has no bad touchpoint.
 */
final class Touchpoint {
    private static final long MAX_SAFE_INTEGER = 1L << 53;
    private static final JsonFactory JSON = new JsonFactoryBuilder()
        .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(32).build()).build();

    String id, customerId, type, accountId, channel, device, persona, campaign;
    long atMs = -1, sequence;
    double rating = Double.NaN;
    boolean byCustomer = true;
    int fingerprint;

    static Touchpoint parse(byte[] key, byte[] value, long recordedMs, long maxSkewMs) {
        Touchpoint touchpoint = new Touchpoint();
        try (JsonParser json = JSON.createParser(value)) {
            require(json.nextToken() == JsonToken.START_OBJECT, "not_object");
            for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
                if (json.nextToken() != JsonToken.VALUE_NULL) touchpoint.take(name, json);
            }
            require(json.currentToken() == JsonToken.END_OBJECT && json.nextToken() == null, "not_json");
        } catch (IOException error) {
            throw new IllegalArgumentException("not_json", error);
        }
        touchpoint.check(key, recordedMs + maxSkewMs);
        CRC32 checksum = new CRC32();
        checksum.update(value);
        touchpoint.fingerprint = (int) checksum.getValue() & 0xFFFF;
        return touchpoint;
    }

    private void check(byte[] key, long latestMs) {
        require(id != null && customerId != null && type != null && atMs >= 0, "missing_field");
        require(!type.isEmpty(), "bad_type");
        require(atMs <= latestMs, "future");
        require(Arrays.equals(key, customerId.getBytes(StandardCharsets.UTF_8)), "key_mismatch");
    }

    private void take(String name, JsonParser json) throws IOException {
        switch (name) {
            case "id" -> id = id(json);
            case "customer_id" -> customerId = id(json);
            case "type" -> type = label(json);
            case "occurred_at" -> atMs = time(json);
            case "account_id" -> accountId = id(json);
            case "initiator" -> byCustomer = !oneOf(json, "customer", "business").equals("business");
            case "channel" -> channel = label(json);
            case "device" -> device = label(json);
            case "persona" -> persona = label(json);
            case "campaign" -> campaign = label(json);
            case "sequence" -> sequence = natural(json);
            case "rating" -> rating = number(json);
            case "anonymous_id", "previous_id", "session_id", "reply_to", "referred_by" -> id(json);
            case "emotion", "topic", "language", "currency", "exit_reason" -> text(json, 128);
            case "text", "thought" -> text(json, 10_000);
            case "value", "cost", "expected_rating" -> number(json);
            case "duration_ms" -> natural(json);
            case "scale" -> oneOf(json, "stars", "csat", "ces", "nps");
            case "sentiment" -> oneOf(json, "positive", "neutral", "negative");
            case "properties" -> {
                require(json.currentToken() == JsonToken.START_OBJECT, "bad_type");
                json.skipChildren();
            }
            default -> json.skipChildren();
        }
    }

    private static void text(JsonParser json, int limit) throws IOException {
        require(json.currentToken() == JsonToken.VALUE_STRING, "bad_type");
        require(json.getTextLength() <= limit, "too_large");
    }

    private static String label(JsonParser json) throws IOException {
        text(json, 128);
        return json.getText();
    }

    private static String oneOf(JsonParser json, String... words) throws IOException {
        String value = label(json);
        for (String word : words) if (word.equals(value)) return value;
        throw new IllegalArgumentException("bad_type");
    }

    private static String id(JsonParser json) throws IOException {
        String value = label(json);
        require(!value.isEmpty(), "bad_id");
        for (int i = 0; i < value.length(); i++) {
            char letter = value.charAt(i);
            require(letter > ' ' && letter < 127 || letter > 127 && isVisible(letter), "bad_id");
        }
        return value;
    }

    private static boolean isVisible(char letter) {
        int kind = Character.getType(letter);
        return kind != Character.UNASSIGNED && kind != Character.CONTROL && kind != Character.FORMAT
            && kind != Character.SPACE_SEPARATOR && kind != Character.LINE_SEPARATOR
            && kind != Character.PARAGRAPH_SEPARATOR;
    }

    private static long time(JsonParser json) throws IOException {
        return json.currentToken() == JsonToken.VALUE_STRING ? Times.parse(json.getText()) : natural(json);
    }

    private static double number(JsonParser json) throws IOException {
        require(json.currentToken().isNumeric(), "bad_type");
        double value = json.getDoubleValue();
        require(Math.abs(value) <= 1e15, "bad_number");
        return value;
    }

    private static long natural(JsonParser json) throws IOException {
        require(json.currentToken() == JsonToken.VALUE_NUMBER_INT, "bad_type");
        long value = json.getLongValue();
        require(value >= 0 && value <= MAX_SAFE_INTEGER, "bad_number");
        return value;
    }

    private static void require(boolean holds, String reason) {
        if (!holds) throw new IllegalArgumentException(reason);
    }
}
