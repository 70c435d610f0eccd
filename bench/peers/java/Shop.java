import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The journey `shop`: a customer only moves up, so the earliest touchpoint of each stage that comes before the earliest
 * of every higher one is all there is to keep, whatever the order of arrival.
 */
final class Shop {
    static final String NAME = "shop";
    static final long LATENESS_MS = 10 * 60_000;
    static final String[] STAGES = {"awareness", "consideration", "purchase", "retention", "advocacy"};
    static final String[] GROUPS = {"pre-purchase", "pre-purchase", "purchase", "post-purchase", "post-purchase"};
    private static final int[] STAGE_BY_RULE = {0, 1, 2, 3, 4, 4};
    private static final int REVIEW = 4;
    private static final Map<String, Integer> RULES = Map.ofEntries(
        Map.entry("page_view", 0), Map.entry("search", 0), Map.entry("ad_click", 0), Map.entry("social_view", 0),
        Map.entry("product_view", 1), Map.entry("comparison", 1), Map.entry("reviews_read", 1),
        Map.entry("wishlist", 1), Map.entry("cart_add", 1), Map.entry("checkout", 1), Map.entry("purchase", 2),
        Map.entry("delivered", 3), Map.entry("support_contact", 3), Map.entry("repeat_purchase", 3),
        Map.entry("review", REVIEW), Map.entry("referral", 5));

    /** One stay in a stage and the touchpoint that began it; stages are in order of weight. */
    record Visit(int stage, long atMs, long sequence, String touchpointId, int rule) {
        /** Ties in event time break by sequence, stage, touchpoint id; never by arrival. */
        boolean isBefore(Visit other) {
            if (atMs != other.atMs) return atMs < other.atMs;
            if (sequence != other.sequence) return sequence < other.sequence;
            return stage != other.stage ? stage < other.stage : touchpointId.compareTo(other.touchpointId) < 0;
        }

        boolean isToldAs(Visit other) {
            return stage == other.stage && atMs == other.atMs;
        }
    }

    private Shop() {}

    /** Returns the rule that a touchpoint matches, or -1. */
    static int ruleOf(Touchpoint touchpoint) {
        Integer rule = RULES.get(touchpoint.type);
        return rule == null || rule == REVIEW && !(touchpoint.rating >= 4) ? -1 : rule;
    }

    static boolean isGoal(Touchpoint touchpoint) {
        return touchpoint.type.equals("purchase");
    }

    /** Returns the visits after a touchpoint that matches `rule`; the same object if it moves nobody. */
    static List<Visit> propose(List<Visit> visits, Touchpoint touchpoint, int rule) {
        Visit added = new Visit(STAGE_BY_RULE[rule], touchpoint.atMs, touchpoint.sequence, touchpoint.id, rule);
        if (visits.isEmpty()) return List.of(added);
        Visit last = visits.get(visits.size() - 1);
        if (last.isBefore(added)) {
            if (added.stage <= last.stage) return visits;
            List<Visit> longer = new ArrayList<>(visits);
            longer.add(added);
            return longer;
        }
        for (Visit visit : visits) {
            if (visit.stage >= added.stage && visit.isBefore(added)) return visits;
        }
        List<Visit> found = new ArrayList<>(visits.size() + 1);
        for (Visit visit : visits) if (visit.isBefore(added)) found.add(visit);
        found.add(added);
        for (Visit visit : visits) if (added.isBefore(visit) && visit.stage > added.stage) found.add(visit);
        return found;
    }
}
