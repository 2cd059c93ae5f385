// The findings of the doctor: what limits this machine, with the commands that help.

import { get } from "./api";
import { byId, element } from "./dom";
import { count } from "./format";
import { words } from "./words";

interface Report {
  connections: number;
  checks: { name: string; grade: string; have: string; want?: string; why?: string; fix?: string[] }[];
}

// examine shows the report of the machine.
export async function examine(): Promise<void> {
  const root = byId("doctor");
  let report: Report | null;
  try {
    report = await get<Report | null>("live/doctor");
  } catch {
    return; // the stream shows that the server does not answer
  }
  if (report?.checks === undefined) {
    return;
  }
  const findings = report.checks.filter((check) => check.grade === "STOP" || check.grade === "WARN");
  root.hidden = false;
  if (findings.length === 0) {
    root.replaceChildren(element("p", {}, words.doctorHealthy(count(report.connections))));
    return;
  }
  const list = element("ul", { class: "findings" });
  for (const check of findings) {
    const item = element("li", {}, element("b", { class: check.grade === "STOP" ? "bad" : "" }, check.name), " ",
      element("span", { class: "s" }, words.have(check.have, check.want ?? ""), check.why ? `: ${check.why}` : ""));
    for (const fix of check.fix ?? []) {
      item.append(" ", element("code", {}, fix));
    }
    list.append(item);
  }
  root.replaceChildren(element("h2", {}, words.doctor(findings.length)), list);
}
