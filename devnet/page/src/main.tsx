import "./page.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { Control, helpIsNew } from "./control.ts";
import { empty, routeOf, Store } from "./state.ts";

const store = new Store(empty(routeOf(location.hash), helpIsNew(), Date.now()), (draw) => requestAnimationFrame(draw));
const control = new Control(store);
const root = document.getElementById("app")!;
root.replaceChildren();
const draw = () => render(<App state={store.state} control={control} />, root);
store.listen(draw);
draw();
control.start();
