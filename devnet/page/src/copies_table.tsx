import type { Holder, Network, Resource } from "./api.ts";
import { type Cell, type Copied, type Copies, SIGNED } from "./copies.ts";
import { clock, count, short, span } from "./format.ts";
import { hashOf } from "./state.ts";

const SAID: Record<Cell, string> = { latest: "has it", older: "has an older one", missing: "has it not" };

/** Which node holds which record: a row for each node, the closest first, a column for each provider. */
export function CopiesTable({ resource, copies, network, nowMs }: { resource: Resource; copies: Copies; network: Network | null; nowMs: number }) {
  const numbers = new Map(network?.nodes.map(({ peer_id, number }) => [peer_id, number]));
  const outside = resource.nodes.filter(({ is_neighbour }) => !is_neighbour).length;
  return (
    <>
      <h3 id="copies-title">Who holds what</h3>
      <p class="quiet">
        The {count(resource.nodes.length - outside, "neighbour")}, the closest first
        {outside > 0 && `; then ${count(outside, "node")} outside`}. A column for each provider.
      </p>
      <ul class="legend" aria-hidden="true">
        <li class="cell latest">has it</li>
        <li class="cell older">an older one</li>
        <li class="cell missing">not</li>
        <li class="cell latest unsigned">not signed</li>
      </ul>
      <div class="scroll" role="region" aria-label="Who holds what" tabIndex={0}>
        <table class="copies">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">Knows it</th>
              {copies.records.map(({ identity, value }, index) => (
                <th key={identity} scope="col" class="number" title={value}>
                  <span class="sr">Provider </span>
                  {index + 1}
                </th>
              ))}
              <th scope="col" class="rest">
                <span class="sr">Remarks</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {resource.nodes.map((holder) => {
              const number = numbers.get(holder.peer_id);
              return (
                <tr key={holder.peer_id} class={holder.is_neighbour ? "" : "outside"}>
                  <th scope="row">
                    {number === undefined ? <code title={holder.peer_id}>{short(holder.peer_id)}</code> : <a href={hashOf({ at: "node", node: number })}>node {number}</a>}
                  </th>
                  <td>{holder.created_at === null ? "no" : "yes"}</td>
                  {copies.records.map((record) => (
                    <Copy key={record.identity} holder={holder} record={record} copies={copies} />
                  ))}
                  <td class="rest">{remark(holder, nowMs)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Has no text that becomes another one as time passes: there may be a thousand. */
function Copy({ holder, record, copies }: { holder: Holder; record: Copied; copies: Copies }) {
  const cell = copies.cell(holder, record);
  const copy = copies.copy(holder, record);
  const unsigned = copy !== undefined && copy.signature !== "valid";
  return (
    <td
      class={`cell ${cell}${unsigned ? " unsigned" : ""}`}
      title={copy && `issued ${clock(copy.issued_at * 1_000)}, ${SIGNED[copy.signature]}`}
    >
      <span class="sr">{unsigned ? `${SAID[cell]}, ${SIGNED[copy.signature]}` : SAID[cell]}</span>
    </td>
  );
}

function remark({ error, partial, tombstones, is_neighbour, records }: Holder, nowMs: number): string {
  const newest = Math.max(...records.map(({ issued_at }) => issued_at));
  const parts = [
    error === null ? null : `no answer: ${error}`,
    records.length > 0 ? `newest ${span(nowMs / 1_000 - newest)} old` : null,
    partial === true ? "partial" : null,
    tombstones.length > 0 ? count(tombstones.length, "tombstone") : null,
    is_neighbour ? null : "outside",
  ];
  return parts.filter((part) => part !== null).join(", ");
}
