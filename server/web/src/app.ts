// The entry point: it reads the address of the page and starts the chat. docs/chat.md describes what the page sends.
import { display } from "./frame/display";
import { chosenLanguage, loadLanguage } from "./frame/language";
import { roomOf, socketAddress, takeOptions } from "./net/address";
import { messageOf } from "./net/errors";
import { Page } from "./page";
import { fill } from "./words/words";

async function start(): Promise<void> {
  const options = takeOptions();
  display(options);
  const language = chosenLanguage(options.lang);
  if (language !== "en") {
    await loadLanguage(language);
  }
  fill(document);
  const params = new URLSearchParams(location.search);
  let room: string;
  let url: URL;
  try {
    room = roomOf(params);
    url = socketAddress(params);
  } catch (error) {
    (await import("./frame/wrongaddress")).showWrongAddress(messageOf(error));
    return;
  }
  new Page(url, room, options).start();
}

void start();
