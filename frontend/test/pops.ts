// Pops for the tests, as short as the types allow.
import type { Offer, Operator, PopMessage, ScreenPop, Snapshot } from "../src/wire.gen";

export const NOW = Date.parse("2026-11-22T12:00:00Z");
export const iso = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString();

export const OPERATOR: Operator = {
  operator_id: "olena", name: "Olena", interfaces: ["PJSIP/1001"], extension: "1001", member_name: null, language: "uk", role: "operator", team: "",
};

export function pop(id: string, offer: Partial<Offer> = {}, rest: Partial<ScreenPop> = {}): ScreenPop {
  return {
    offer: {
      pop_id: id, revision: 1, state: "ringing", call_id: "c", about_call_id: "c", operator_id: "olena", leg_id: "l", interface: "PJSIP/1001",
      queue: "promo", offered_at: iso(0), waited_s: 5, answered_at: null, ended_at: null, transferred_from: null, note: null, elsewhere: false, ...offer,
    },
    context: null, caller_number: "+380 67 123 4567", headline: "", chip: "none", opening: "", script: "", fields: [], url: "", rule: null, rules: [],
    sources: [], touch_id: null, interaction_id: null, ring_timeout_s: 20, rules_before: 0, offers: [], reason_found: null, tags: [], callback: null, codes: [], ...rest,
  };
}

export function says(type: PopMessage["type"], it: ScreenPop): PopMessage {
  return { type, pop: it, sent_at: iso(0), v: 1 };
}

export function snapshot(pops: ScreenPop[], rest: Partial<Snapshot> = {}): Snapshot {
  return { type: "snapshot", v: 1, operator: OPERATOR, pops, missed: [], switches: [], server_time: iso(2), extension_taken_by: null, ...rest };
}
