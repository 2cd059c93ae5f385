// What the rooms of the pictures hold: lines for "throng data import", with times of one day, so that the pictures are the same each time.

export const today = "2026-11-28";
export const now = new Date(`${today}T14:03:00Z`); // the pictures are in UTC

export const people = {
  sam: "Sam", mira: "Mira Okafor", jonas: "Jonas Weber", yijun: "陳怡君", leyla: "Leyla", ren: "Ren", tomas: "Tomás Prieto", noor: "نور", deploys: "deploys", abena: "Abena",
};

const long = "We looked at what happens when a few hundred phones wake up at once after a tunnel. Each of them opens a socket, sends the last number it saw, " +
  "and requests what it missed. If all of that is answered in the order in which it arrives, the people who were here all along wait behind those who come back. " +
  "So the replies to a reconnect go into a queue of their own, with a share of each round, and talk goes first. It costs the returning phone about forty " +
  "milliseconds, which nobody can see, and it keeps the room steady for everybody else. The numbers are in the report; the one to look at is the slowest member, " +
  "and what happens to it in the second after the tunnel.";

// A line is [time, user, text or change, fields]. A time without a day is one of today.
const lobby = [
  ["2026-11-26T16:40", "mira", "Runbook for tonight, please read it once before 18:00:"],
  ["2026-11-26T16:40", "mira", "**Order** is *not* optional:\n- drain one node, wait for `ready`\n- swap the binary, [start it again](https://chat.example/runbook)\n- look at the slowest member, then go on"],
  ["2026-11-26T16:44", "jonas", "> look at the slowest member\n\nThis is how I read it:\n```\n$ throng bench storm --conns 20000\ndelivery   629,604 expected, 629,604 got · 0 lost\nlast       p50 0.48   p99 1.41   max 2.70 ms\n```"],
  ["2026-11-26T16:52", "yijun", long],
  ["2026-11-26T16:53", "ren", "🎉🚀"],
  ["13:41", "mira", "Morning! Did the deploy finish?"],
  ["13:42", "tomas", "Yes, ten minutes ago. p99 is down to 6 ms."],
  ["13:42", "tomas", "Memory is flat too.", { id: "flat" }],
  ["13:44", "jonas", "Works here, on the old phone as well"],
  ["13:45", "jonas", "Could somebody read https://git.example.org/throng/pull/1234? It is small."],
  ["13:46", "sam", "On it"],
  ["13:47", "sam", "One question: why 20 s and not 25", { id: "why" }],
  ["13:48", "sam", { type: "edit", of: "why", text: "One question: why 20 s and not 25?" }],
  ["13:49", "jonas", "Because of the proxies in front of us. Their limit is 30 s by default.", { thread: "why" }],
  ["13:49", "jonas", "See the table in the docs, second row.", { thread: "why" }],
  ["13:55", "yijun", "Some proxies cut at 30, so two tries fit before they do.", { reply_to: "why" }],
  ["13:55", "yijun", "昨天的測試也是這樣，沒有問題。"],
  ["13:58", "yijun", "Two pings fit before 30 s. With 25 there is one, and a single lost packet ends it.", { thread: "why" }],
  ["13:58", "leyla", "@Sam could you let @Ren into #ops?", { mentions: ["sam", "ren"], id: "ask" }],
  ["13:59", "noor", "شكرا، كل شيء يعمل الآن"],
  ["14:00", "ren", "Thanks! I will look at the dashboards after lunch.", { id: "thanks" }],
  ["14:01", "deploys", "`main` @ 4f1c2d9 passed in 2 m 14 s"],
  ["14:01", "leyla", "wrong window", { id: "wrong" }],
  ["14:01", "leyla", { type: "delete", of: "wrong" }],
  ["14:02", "sam", "Done. Merging now", { id: "done" }],
  ...["mira", "ren", "leyla", "sam"].map((user) => ["14:02", user, { type: "reaction", of: "flat", emoji: "🎉", on: true }]),
  ["14:02", "jonas", { type: "reaction", of: "flat", emoji: "👀", on: true }],
];

const rooms = {
  lobby,
  "ops": [["13:57", "leyla", "@Sam two nodes left to drain", { mentions: ["sam"] }], ["14:00", "leyla", "@Sam one left", { mentions: ["sam"] }]],
  "design": [["13:50", "mira", "A draft of the date lines"], ["13:57", "mira", "New date lines, have a look"]],
  "releases": [["13:31", "deploys", "main passed"]],
  "放送室": [["12:20", "yijun", "今天晚上八點"]],
  "noise": [["12:02", "deploys", "212 events"]],
  "dialog#mira,sam": [["13:20", "mira", "Thanks, that was it"]],
};

export const roomCount = Object.keys(rooms).length;

const topics = { lobby: "Ship small, sleep well. Deploys on Tuesdays.", design: "Paper first", ops: "What runs, and what does not" };
const roles = { lobby: { mira: "owner", jonas: "moderator", sam: "moderator" } };

const timeOf = (time) => `${time.includes("T") ? time : `${today}T${time}`}:00Z`;

// seedLines returns the lines of all rooms.
export function seedLines() {
  const lines = [];
  for (const [room, messages] of Object.entries(rooms)) {
    messages.forEach(([time, user, what, fields = {}], i) => {
      const isChange = typeof what === "object";
      const data = isChange ? what : { id: fields.id ?? `${room.length}-${i}`, text: what, ...fields };
      lines.push({ room, offset: i + 1, generation: 1, time: timeOf(time), user, client: user, conn_info: { name: people[user] }, form: "json", data, ...isChange && { change: true } });
    });
    const value = (key, data) => lines.push({ kind: "value", room, key, time: timeOf("08:00"), data });
    value("i", { title: room.includes("#") ? "" : room, topic: topics[room] ?? "" });
    const members = room.includes("#") ? ["mira", "sam"] : Object.keys(people);
    members.forEach((user) => value(`m/${user}`, roles[room]?.[user] ?? "member"));
  }
  return lines.map((line) => JSON.stringify(line)).join("\n") + "\n";
}
