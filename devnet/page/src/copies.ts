import type { HeldRecord, HeldTombstone, Holder, Resource } from "./api.ts";

/** A record as the latest of those who hold it have it. */
export interface Copied extends HeldRecord {
  identity: string;
  /** How many neighbours have the latest of it. */
  heldBy: number;
}

export type Holding = "none" | "some" | "all" | "partial";
/** How a node holds one record. */
export type Cell = "latest" | "older" | "missing";

export const SIGNED: Record<HeldRecord["signature"], string> = {
  valid: "signed",
  missing: "not signed yet",
  invalid: "badly signed",
  unchecked: "signature not checked",
};

/** What there is of a resource, gathered from everybody who holds some of it. */
export interface Copies {
  /** The latest of each identity that is not void, by value. */
  records: readonly Copied[];
  /** What a node has of a record. */
  copy(holder: Holder, record: Copied): HeldRecord | undefined;
  cell(holder: Holder, record: Copied): Cell;
  holding(holder: Holder | undefined): Holding;
}

export const NO_COPIES: Copies = { records: [], copy: () => undefined, cell: () => "missing", holding: () => "none" };

const byValue = new Intl.Collator("en", { numeric: true });

/** Records of one identity replace each other. */
function identity({ issuer, peer_id, service_id }: HeldRecord): string {
  return JSON.stringify([issuer, peer_id, service_id]);
}

function pair({ issuer, peer_id }: HeldTombstone | HeldRecord): string {
  return `${issuer} ${peer_id}`;
}

export function copiesOf(resource: Resource): Copies {
  const latest = new Map<string, HeldRecord>();
  const voided = new Map<string, number>();
  const held = new Map<string, Map<string, HeldRecord>>();
  for (const { peer_id, records, tombstones } of resource.nodes) {
    for (const tombstone of tombstones) {
      voided.set(pair(tombstone), Math.max(voided.get(pair(tombstone)) ?? 0, tombstone.issued_at));
    }
    const here = new Map(records.map((record) => [identity(record), record]));
    held.set(peer_id, here);
    for (const [id, record] of here) {
      const known = latest.get(id);
      if (known === undefined || isLater(record, known)) latest.set(id, record);
    }
  }
  const copy = (holder: Holder, record: Copied) => held.get(holder.peer_id)?.get(record.identity);
  const cell = (holder: Holder, record: Copied): Cell => {
    const here = copy(holder, record);
    if (here === undefined) return "missing";
    return here.issued_at >= record.issued_at ? "latest" : "older";
  };
  const neighbours = resource.nodes.filter(({ is_neighbour }) => is_neighbour);
  const records: Copied[] = [];
  for (const [id, record] of latest) {
    if (record.issued_at <= (voided.get(pair(record)) ?? -1)) continue;
    const copied = { ...record, identity: id, heldBy: 0 };
    copied.heldBy = neighbours.filter((holder) => cell(holder, copied) === "latest").length;
    records.push(copied);
  }
  // Not by age: who registers anew stays in his place.
  records.sort((a, b) => byValue.compare(a.value, b.value) || (a.identity < b.identity ? -1 : 1));
  const holding = (holder: Holder | undefined): Holding => {
    if (holder === undefined || (holder.created_at === null && holder.records.length === 0)) return "none";
    if (holder.partial === true) return "partial";
    return records.every((record) => cell(holder, record) === "latest") ? "all" : "some";
  };
  return { records, copy, cell, holding };
}

/** A signature makes a record later than the same without it. */
function isLater(a: HeldRecord, b: HeldRecord): boolean {
  return a.issued_at > b.issued_at || (a.issued_at === b.issued_at && (a.signed_at ?? 0) > (b.signed_at ?? 0));
}
