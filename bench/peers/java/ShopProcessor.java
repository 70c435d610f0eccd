import java.util.List;
import java.util.Objects;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** One touchpoint: validate, drop if known, advance its customer, send what follows, keep the state. */
final class ShopProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    private static final long MAX_SKEW_MS = 300_000;
    private final Events events;
    private final Outputs outputs;
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], Customer> customers;

    ShopProcessor(String appId, String definition) {
        events = new Events(appId);
        outputs = new Outputs(definition);
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        customers = context.getStateStore(ShopStreams.STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        Touchpoint touchpoint = Touchpoint.parse(record.key(), record.value(), record.timestamp(), MAX_SKEW_MS);
        Customer known = customers.get(record.key());
        Customer customer = known == null ? new Customer() : known;
        if (customer.knows(touchpoint)) return;
        long newestBeforeMs = customer.newestMs, convertedBeforeMs = customer.convertedMs();
        boolean isNews = attributes(customer, touchpoint);
        List<Shop.Visit> before = customer.visits;
        int rule = touchpoint.atMs < newestBeforeMs - Shop.LATENESS_MS ? -1 : Shop.ruleOf(touchpoint);
        if (rule >= 0) {
            customer.visits = Shop.propose(before, touchpoint, rule);
            boolean isGoal = Shop.isGoal(touchpoint);
            if (isGoal && (customer.goalMs < 0 || touchpoint.atMs < customer.goalMs)) customer.goalMs = touchpoint.atMs;
        }
        if (customer.visits != before) isNews |= tellMove(record, touchpoint, customer, before);
        if (customer.convertedMs() != convertedBeforeMs) {
            isNews = true;
            if (convertedBeforeMs < 0) tellConverted(record, touchpoint, customer);
        }
        if (isNews && !customer.visits.isEmpty()) {
            send(record, outputs.current(touchpoint.customerId, customer), null, "stage.current");
        }
        customers.put(record.key(), customer);
    }

    /** Takes over what the touchpoint says of the customer; returns whether that is news. */
    private static boolean attributes(Customer customer, Touchpoint touchpoint) {
        if (!touchpoint.byCustomer) return false;
        customer.newestMs = Math.max(customer.newestMs, touchpoint.atMs);
        Customer.Latest account = customer.account, persona = customer.persona, channel = customer.channel;
        customer.account = Customer.Latest.newer(account, touchpoint.accountId, touchpoint);
        customer.persona = Customer.Latest.newer(persona, touchpoint.persona, touchpoint);
        customer.channel = Customer.Latest.newer(channel, touchpoint.channel, touchpoint);
        return differ(account, customer.account) || differ(persona, customer.persona)
            || differ(channel, customer.channel);
    }

    private static boolean differ(Customer.Latest old, Customer.Latest now) {
        return old != now && !Objects.equals(Customer.Latest.valueOf(old), Customer.Latest.valueOf(now));
    }

    /** Sends the move or correction that leads from one path to the other, if they are told differently. */
    private boolean tellMove(
        Record<byte[], byte[]> record, Touchpoint cause, Customer customer, List<Shop.Visit> before) {
        List<Shop.Visit> now = customer.visits;
        int same = 0;
        while (same < Math.min(before.size(), now.size()) && before.get(same).isToldAs(now.get(same))) same++;
        if (same == now.size() && same == before.size()) return false;
        int from = same == before.size() && now.get(same).touchpointId().equals(cause.id) ? -1 : same;
        customer.sequence++;
        String id = events.id("transition", cause.customerId, Shop.NAME, Integer.toString(customer.sequence));
        byte[] value = outputs.transition(id, cause, customer, before, now, from);
        Headers headers = events.headers(id, "cjstream.transition.v1", cause.customerId, Times.format(cause.atMs));
        headers.add("ce_sequence", Events.bytes(Integer.toString(customer.sequence)));
        send(record, value, headers, "transitions");
        return true;
    }

    private void tellConverted(Record<byte[], byte[]> record, Touchpoint cause, Customer customer) {
        String id = events.id("signal", cause.customerId, Shop.NAME, "", "0", "converted", cause.id);
        String since = Times.format(customer.convertedMs());
        Headers headers = events.headers(id, "cjstream.signal.v1", cause.customerId, since);
        send(record, outputs.converted(id, cause, customer), headers, "signals");
    }

    private void send(Record<byte[], byte[]> about, byte[] value, Headers headers, String sink) {
        context.forward(new Record<>(about.key(), value, about.timestamp(), headers), sink);
    }
}
