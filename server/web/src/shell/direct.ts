import { inOrder } from "../net/directroom";
import { messageOf } from "../net/errors";
import type { Rooms } from "../room/rooms";

// sortUsers leads from an address with the users of a direct room in another order to their room.
export function sortUsers(shell: { openRoom(name: string): void }, rooms: Rooms): void {
  const room = rooms.current;
  const name = inOrder(room.name);
  if (name !== room.name && room.timeline.all.length === 0) {
    shell.openRoom(name);
    rooms.remove(room);
    void room.leave().catch((error: unknown) => console.info("not left:", messageOf(error)));
  }
}
