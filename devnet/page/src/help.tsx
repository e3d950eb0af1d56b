import type { Control } from "./control.ts";
import type { State } from "./state.ts";

/** What a first visit needs to know. */
export function Help({ state, control }: { state: State; control: Control }) {
  const first = state.network?.nodes.find(({ state }) => state === "running");
  return (
    <section class="help" id="help" aria-labelledby="help-title">
      <h2 id="help-title">What you see</h2>
      <p>
        The <em>Registry</em> answers one question: who provides this? The answers have no server of their own. Each node of the network keeps those
        that are closest to it, and each answer is kept by the 20 closest nodes.
      </p>
      <ul>
        <li>
          A <strong>node</strong> is a circle. Where it lies on the ring follows from its id.
        </li>
        <li>
          A <strong>resource</strong> is a name, such as “chat”. It has a place on the same ring (◆). The nodes closest to it, its neighbours, hold its records.
        </li>
        <li>
          A <strong>provider</strong> is a client or a node that has registered under a resource. A client is reached through its <em>relay</em>, the node that
          it is connected to.
        </li>
      </ul>
      <h3>Try it</h3>
      <ol>
        <li>Create a resource, and register this server as its provider. The feed shows what each step cost.</li>
        <li>Kill the node that is its relay. Within seconds the registration is there anew, behind another relay.</li>
        <li>Cut the network in two, register once more, heal it, and replicate: the nodes that missed it get it from the others.</li>
      </ol>
      <p>
        The network is real: connect to it from a program{first ? <> at <code>{first.ws}</code></> : null}, from a shell with <code>registry resolve chat@me</code>,
        or over HTTP (<a href="/api/openapi.yaml">openapi.yaml</a>).
      </p>
      <button type="button" class="primary" onClick={() => control.help(false)}>
        Got it
      </button>
    </section>
  );
}
