import { Component } from "preact";
import type { Network, Node } from "./api.ts";
import type { Control } from "./control.ts";
import { hashOf } from "./state.ts";

interface Props {
  network: Network;
  busy: ReadonlySet<string>;
  control: Control;
}

/** What can be done to the network, and all its nodes as a table. */
export class NetworkPanel extends Component<Props, { side: ReadonlySet<string> }> {
  override state = { side: new Set<string>() };

  #toggle(peer: string, is: boolean): void {
    const side = new Set(this.state.side);
    if (is) side.add(peer);
    else side.delete(peer);
    this.setState({ side });
  }

  override render({ network, busy, control }: Props, { side }: { side: ReadonlySet<string> }) {
    const chosen = network.nodes.map(({ peer_id }) => peer_id).filter((peer) => side.has(peer));
    return (
      <>
        <div class="actions" role="group" aria-label="The network">
          <button type="button" disabled={busy.has("add") || network.nodes.length >= network.nodes_max} onClick={() => control.addNode()}>
            {busy.has("add") ? "Adding …" : "Add a node"}
          </button>
          {network.cut === null ? (
            <button type="button" disabled={busy.has("cut")} onClick={() => control.cut(chosen.length > 0 ? chosen : null)}>
              Cut in two
            </button>
          ) : (
            <button type="button" class="primary" disabled={busy.has("heal")} onClick={() => control.heal()}>
              Heal the cut
            </button>
          )}
          <button type="button" disabled={busy.has("replicate")} onClick={() => control.replicate()}>
            Replicate now
          </button>
        </div>
        <details class="all-nodes">
          <summary>All nodes</summary>
          <p class="quiet">Ticked nodes are one side of the next cut; without any it goes through the middle of the ring.</p>
          <div class="scroll" role="region" aria-label="All nodes" tabIndex={0}>
            <table>
              <thead>
                <tr>
                  <th scope="col">Node</th>
                  <th scope="col">State</th>
                  <th scope="col" class="number">
                    Clients
                  </th>
                  <th scope="col" class="number">
                    Keys
                  </th>
                  <th scope="col" class="number">
                    Records
                  </th>
                  <th scope="col" class="number">
                    Due
                  </th>
                  <th scope="col">Cut off</th>
                </tr>
              </thead>
              <tbody>
                {network.nodes.map((node) => (
                  <Row key={node.peer_id} node={node} isChosen={side.has(node.peer_id)} choose={(is) => this.#toggle(node.peer_id, is)} />
                ))}
              </tbody>
            </table>
          </div>
        </details>
      </>
    );
  }
}

function Row({ node, isChosen, choose }: { node: Node; isChosen: boolean; choose: (is: boolean) => void }) {
  return (
    <tr>
      <th scope="row">
        <a href={hashOf({ at: "node", node: node.number })}>node {node.number}</a>
      </th>
      <td>{node.state}</td>
      <td class="number">{node.clients.length}</td>
      <td class="number">{node.stats?.keys ?? "–"}</td>
      <td class="number">{node.stats?.records ?? "–"}</td>
      <td class="number">{node.stats?.due ?? "–"}</td>
      <td>
        <input
          type="checkbox"
          checked={isChosen}
          aria-label={`Node ${node.number} on the other side of the next cut`}
          onChange={(event) => choose(event.currentTarget.checked)}
        />
      </td>
    </tr>
  );
}
