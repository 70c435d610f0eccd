import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/** The values that leave, field by field as schemas/ has them. */
final class Outputs {
    private static final JsonFactory JSON = new JsonFactory();
    private final String definition;

    Outputs(String definition) {
        this.definition = definition;
    }

    /** Writes one JSON object. */
    private interface Body {
        void write(JsonGenerator json) throws IOException;
    }

    /** `old` and `now`: the visits before and after; `from`: index of the first that a correction replaces, or -1. */
    byte[] transition(
        String id, Touchpoint cause, Customer customer, List<Shop.Visit> old, List<Shop.Visit> now, int from) {
        Shop.Visit previous = last(old), visit = last(now);
        return json(json -> {
            json.writeStringField("transition_id", id);
            json.writeStringField("journey", Shop.NAME);
            json.writeStringField("definition", definition);
            json.writeStringField("instance", "");
            json.writeNumberField("round", 0);
            json.writeNumberField("sequence", customer.sequence);
            json.writeStringField("customer_id", cause.customerId);
            json.writeStringField("account_id", Customer.Latest.valueOf(customer.account));
            json.writeStringField("from_stage", name(Shop.STAGES, previous));
            json.writeStringField("to_stage", name(Shop.STAGES, visit));
            json.writeStringField("from_group", name(Shop.GROUPS, previous));
            json.writeStringField("to_group", name(Shop.GROUPS, visit));
            json.writeStringField("kind", from >= 0 ? "correction" : previous == null ? "entry" : "forward");
            writeCause(json, cause, rule(cause, now));
            json.writeStringField("occurred_at", Times.format(cause.atMs));
            if (from >= 0 || previous == null) json.writeNullField("seconds_in_previous");
            else json.writeNumberField("seconds_in_previous", (visit.atMs() - previous.atMs()) / 1000.0);
            json.writeBooleanField("inferred", false);
            writePath(json, now, from);
            json.writeStringField("channel", cause.channel);
            json.writeStringField("device", cause.device);
            json.writeStringField("persona", cause.persona);
            json.writeStringField("campaign", cause.campaign);
        });
    }

    private static String rule(Touchpoint cause, List<Shop.Visit> now) {
        for (Shop.Visit visit : now) {
            if (visit.touchpointId().equals(cause.id)) return "rule-" + (visit.rule() + 1);
        }
        return null;
    }

    private static void writeCause(JsonGenerator json, Touchpoint cause, String rule) throws IOException {
        json.writeObjectFieldStart("cause");
        json.writeStringField("touchpoint_id", cause.id);
        json.writeStringField("type", cause.type);
        json.writeStringField("rule", rule);
        json.writeEndObject();
    }

    private static void writePath(JsonGenerator json, List<Shop.Visit> now, int from) throws IOException {
        if (from < 0) {
            json.writeNullField("path_from");
            json.writeNullField("path");
            return;
        }
        json.writeNumberField("path_from", from);
        json.writeArrayFieldStart("path");
        for (Shop.Visit visit : now.subList(from, now.size())) {
            json.writeStartObject();
            json.writeStringField("stage", Shop.STAGES[visit.stage()]);
            json.writeStringField("entered_at", Times.format(visit.atMs()));
            json.writeBooleanField("inferred", false);
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    byte[] converted(String id, Touchpoint cause, Customer customer) {
        return json(json -> {
            json.writeStringField("signal_id", id);
            json.writeStringField("kind", "converted");
            json.writeStringField("severity", "info");
            json.writeStringField("journey", Shop.NAME);
            json.writeStringField("instance", "");
            json.writeStringField("stage", name(Shop.STAGES, last(customer.visits)));
            json.writeStringField("customer_id", cause.customerId);
            json.writeStringField("since", Times.format(customer.convertedMs()));
            json.writeNullField("due");
            json.writeObjectFieldStart("cause");
            json.writeStringField("touchpoint_id", cause.id);
            json.writeStringField("type", cause.type);
            json.writeEndObject();
            json.writeNullField("owner");
            json.writeObjectFieldStart("detail");
            json.writeNumberField("round", 0);
            json.writeEndObject();
        });
    }

    byte[] current(String customerId, Customer customer) {
        Shop.Visit visit = last(customer.visits);
        long convertedMs = customer.convertedMs();
        return json(json -> {
            json.writeStringField("customer_id", customerId);
            json.writeStringField("account_id", Customer.Latest.valueOf(customer.account));
            json.writeObjectFieldStart("journeys");
            json.writeObjectFieldStart(Shop.NAME);
            json.writeStringField("stage", name(Shop.STAGES, visit));
            json.writeStringField("furthest_stage", name(Shop.STAGES, visit));
            json.writeStringField("group", name(Shop.GROUPS, visit));
            json.writeStringField("entered_at", Times.format(visit.atMs()));
            json.writeNumberField("sequence", customer.sequence);
            json.writeStringField("instance", "");
            json.writeNumberField("round", 0);
            json.writeStringField("outcome", convertedMs < 0 ? "in_progress" : "converted");
            json.writeStringField("converted_at", convertedMs < 0 ? null : Times.format(convertedMs));
            json.writeStringField("definition", definition);
            json.writeEndObject();
            json.writeEndObject();
            json.writeStringField("persona", Customer.Latest.valueOf(customer.persona));
            json.writeStringField("channel", Customer.Latest.valueOf(customer.channel));
            for (String name : List.of("judgement", "open_feedback", "score", "score_at")) json.writeNullField(name);
        });
    }

    private static Shop.Visit last(List<Shop.Visit> visits) {
        return visits.isEmpty() ? null : visits.get(visits.size() - 1);
    }

    private static String name(String[] names, Shop.Visit visit) {
        return visit == null ? null : names[visit.stage()];
    }

    private static byte[] json(Body body) {
        ByteArrayBuilder out = new ByteArrayBuilder(JSON._getBufferRecycler(), 1024);
        try (JsonGenerator json = JSON.createGenerator(out)) {
            json.writeStartObject();
            body.write(json);
            json.writeEndObject();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return out.getClearAndRelease();
    }
}
