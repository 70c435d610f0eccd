import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/**
 * The peer: Kafka Streams, one thread, persistent RocksDB store with changelog, at least once. For the journey `shop`
 * without measures it does per touchpoint what a cjstream worker does.
 *
 * It promises less: offsets, state and outputs are flushed together but not in an order, so after a crash a touchpoint
 * may be in the state whose outputs were never sent, and is dropped as known when it comes again. It keeps no totals,
 * metrics or deadlines and no other journey, and its journey is compiled into it. It does more in one point: where a
 * customer stands is sent after each touchpoint that changes it, where a worker sends it once per batch.
 *
 * Arguments: servers, app id, input topic, topics of transitions, current stages and signals, data directory, hash of
 * the definition.
 */
public final class ShopStreams {
    static final String STORE = "state";  // so the changelog has the name that cjstream gives its own
    private static final int MIB = 1 << 20;

    private ShopStreams() {}

    public static void main(String[] arguments) throws Exception {
        KafkaStreams streams = new KafkaStreams(topology(arguments), settings(arguments));
        CountDownLatch stopped = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) stopped.countDown();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        stopped.await();
        Runtime.getRuntime().halt(1);
    }

    private static Topology topology(String[] arguments) {
        var bytes = new ByteArraySerializer();
        Serializer<Customer> encode = (topic, customer) -> customer == null ? null : customer.encode();
        Deserializer<Customer> decode = (topic, data) -> Customer.decode(data);
        var store = Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(STORE), Serdes.ByteArray(), Serdes.serdeFrom(encode, decode))
            .withCachingEnabled()  // as in cjstream, one changelog record for many touchpoints of a customer
            .withLoggingEnabled(Map.of());
        return new Topology()
            .addSource("touchpoints", new ByteArrayDeserializer(), new ByteArrayDeserializer(), arguments[2])
            .addProcessor("shop", () -> new ShopProcessor(arguments[1], arguments[7]), "touchpoints")
            .addStateStore(store, "shop")
            .addSink("transitions", arguments[3], bytes, bytes, "shop")
            .addSink("stage.current", arguments[4], bytes, bytes, "shop")
            .addSink("signals", arguments[5], bytes, bytes, "shop");
    }

    private static Properties settings(String[] arguments) {
        Properties set = new Properties();
        set.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        set.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
        set.put(StreamsConfig.STATE_DIR_CONFIG, arguments[6]);
        set.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);  // one thread beside one worker process
        set.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        set.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);  // default 30 s; speed is read off the commits
        set.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 128 * MIB);  // default 10: more are written over
        set.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);  // default 1,000: fewer pauses
        set.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        set.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);  // default 1,000
        set.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 * MIB);  // default 1
        set.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);  // as the default of Streams
        set.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), MIB);  // default 16 KiB
        set.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128 * MIB);  // default 32
        return set;
    }
}
