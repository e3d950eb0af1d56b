import { call, connect, provide, watchProviders } from "@fluencelabs/registry";

const element = (id) => document.getElementById(id);
start().catch((error) => (element("me").textContent = error.message));

async function start() {
  const { nodes } = await (await fetch("/api/network")).json();
  const relays = nodes.filter(({ state }) => state === "running").map(({ ws }) => ws);
  const connection = await connect(relays, { ttlMs: 15_000, workersUrl: new URL("workers/", document.baseURI).href });

  // A provider in ten lines. `?resource=` joins others; without it this page opens a resource of its own.
  const name = `page ${connection.peerId.slice(-6)}`;
  const given = new URLSearchParams(location.search).get("resource");
  const provided = await provide({
    ...(given ? { resource: given } : { label: "clocks" }),
    value: name,
    service: { id: "clock", functions: { time: () => new Date().toLocaleTimeString() } },
  });
  addEventListener("pagehide", () => provided.close());

  element("me").textContent = `${name} provides `;
  element("me").append(link(provided.resource));
  show(provided.resource);
}

/** Who provides, as they come and go, and what each has answered. */
function show(resource) {
  const answers = new Map();
  let present = [];
  const draw = () => {
    const lines = present.map(({ peerId, value }) => `${value}: ${answers.get(peerId) ?? "not asked yet"}`);
    element("providers").replaceChildren(...lines.map((textContent) => Object.assign(document.createElement("li"), { textContent })));
  };
  watchProviders(resource, ({ providers }) => ((present = providers), draw()), { everyMs: 1_000 });
  element("call").disabled = false;
  element("call").onclick = async () => {
    for await (const { provider, result, error } of call(resource, null, "time", [])) {
      answers.set(provider.peerId, error ? error.message : result);
      draw();
    }
  };
}

function link(resource) {
  const href = `?resource=${encodeURIComponent(resource)}`;
  return Object.assign(document.createElement("a"), { href, target: "_blank", textContent: resource });
}
