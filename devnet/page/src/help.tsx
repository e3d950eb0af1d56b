import type { Control } from "./control.ts";
import type { State } from "./state.ts";

/** What a first visit needs to know. */
export function Help({ state, control }: { state: State; control: Control }) {
  const first = state.network?.nodes.find(({ state }) => state === "running");
  return (
    <section class="help" id="help" aria-labelledby="help-title">
      <h2 id="help-title">What you see</h2>
      <div class="columns">
        <div>
          <p>
            A whole network runs on this machine. The <em>Registry</em> answers one question in it: who provides this? No server in the middle has the
            answers. Each is kept by the 20 nodes that are closest to it.
          </p>
          <ul>
            <li>
              A <strong>node</strong> is a circle. Its place on the ring follows from its id.
            </li>
            <li>
              A <strong>resource</strong> is a name, such as “chat”. It has a place on the same ring (◆), and its neighbours hold its records.
            </li>
            <li>
              A <strong>provider</strong> is a client or a node that has registered under a resource. A client is reached through its <em>relay</em>, the
              node that it is connected to.
            </li>
          </ul>
        </div>
        <div>
          <h3>Try it</h3>
          <ol>
            <li>Create a resource, and register this server as its provider. The feed shows what each step cost.</li>
            <li>Kill the node that is its relay. Within seconds it is registered anew, behind another relay.</li>
            <li>Cut the network in two, register once more, heal it, and replicate: the nodes that missed it get it from the others.</li>
          </ol>
          <p>
            It is open to your programs, too: in a shell <code>registry resolve chat@me</code>, over HTTP <a href="/api/openapi.yaml">openapi.yaml</a>
            {first && (
              <>
                , from JavaScript <code>{first.ws}</code>
              </>
            )}
          </p>
        </div>
      </div>
      <button type="button" class="primary" onClick={() => control.help(false)}>
        Got it
      </button>
    </section>
  );
}
