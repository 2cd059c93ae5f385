// The live page: makes its parts and hands them to each other.

import { acts } from "./acts";
import { ask, type Question } from "./ask";
import { Board } from "./board";
import { byId, write } from "./dom";
import { examine } from "./doctor";
import { Found } from "./found";
import { addressOf, parse } from "./names";
import { Samples } from "./snapshot";
import { State } from "./state";
import { follow } from "./stream";
import { Tables } from "./tables";
import { words } from "./words";

const examineEach = 300_000; // ms

const samples = new Samples();
const state = new State();
const board = new Board(samples);

function question(q: Question): void {
  ask(q, (text) => {
    state.say(text);
    write(byId("done"), text);
    look(true);
  });
}

const tables = new Tables(byId("tables"), (id) => question(acts.close(id)));
const found = new Found(question, () => {
  history.pushState(null, "", location.pathname);
  look();
  byId("query").focus();
});

// look shows what the address of the page names.
function look(renewed = false): void {
  const name = parse(location.hash);
  if (name === undefined) {
    found.clear();
  } else {
    void found.show(name, renewed);
  }
}

const query = byId<HTMLInputElement>("query");
query.setAttribute("aria-label", words.find);
query.placeholder = words.findHint;
byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = query.value.trim();
  const address = name === "" ? location.pathname : addressOf({ kind: "any", name });
  if (location.hash === address) {
    look();
  } else {
    history.pushState(null, "", address);
    look();
  }
});
addEventListener("hashchange", () => look());
addEventListener("popstate", () => look());

for (const [id, text, q] of [["notice", words.notice, acts.notice], ["reload", words.reload, acts.reload], ["drain", words.drain, acts.drain]] as const) {
  const b = byId(id);
  write(b, text);
  b.addEventListener("click", () => question(q()));
}

state.show({ word: "…", reason: words.connecting, advice: "" });
follow({
  history: (h) => {
    samples.load(h);
    board.draw(undefined);
  },
  snapshot: (s) => {
    samples.add(s);
    state.show(s.state);
    board.draw(s.server);
    tables.update(s);
  },
  lost: () => state.lost(),
});
look();
void examine();
setInterval(() => void examine(), examineEach);
