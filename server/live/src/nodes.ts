// The nodes of the cluster, as this node knows them. Without a cluster there is no such card.

import { element, isolated, write } from "./dom";
import { count, duration } from "./format";
import type { Cluster } from "./snapshot";
import { Table } from "./table";
import { words } from "./words";

const { column, table } = words;

export class Nodes {
  readonly #table = new Table("nodes", table.nodes,
    [{ name: column.node }, { name: column.state }, { name: column.clients, number: true }, { name: column.heard, number: true }, { name: column.version }], words.nothing);
  readonly #reached = element("p", { class: "s" });
  readonly #rejects = element("p", { class: "bad" });

  constructor(into: HTMLElement) {
    const { root } = this.#table;
    root.hidden = true;
    root.querySelector("h2")?.after(this.#reached, this.#rejects);
    into.append(root);
  }

  update(cluster: Cluster | undefined): void {
    this.#table.root.hidden = cluster === undefined;
    if (cluster === undefined) {
      return;
    }
    const { node, nodes, size, why = "" } = cluster;
    write(this.#reached, words.reached(node, count(nodes.length), count(size)));
    write(this.#rejects, why === "" ? "" : words.rejects(why));
    this.#table.update(nodes.map(({ clients, heard_seconds_ago: heard, name, ready, version = "" }) => ({
      key: name,
      cells: [() => isolated(name), ready ? words.ready : words.notReady, count(clients), name === node ? words.thisNode : duration(heard), version],
    })));
  }
}
