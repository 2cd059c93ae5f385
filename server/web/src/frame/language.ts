// Which language the reader wants, and its dictionary.
import { messageOf } from "../net/errors";
import { store, stored } from "../ui/storage";
import { use, type Words } from "../words/words";

const languageKey = "throng.language";

// languages are those that a reader can choose, by their own names.
export const languages = { "en": "English", "zh-Hant": "繁體中文", "zh-Hans": "简体中文" } as const;
export type Tag = keyof typeof languages;

// supported returns the language of the page for one of the browser; "" for none. Chinese without a script has the one of its region.
export function supported(tag: string): Tag | "" {
  if (/^en(?:-|$)/u.test(tag)) {
    return "en"; // at once: the class takes long at its first use
  }
  let locale: Intl.Locale;
  try {
    locale = new Intl.Locale(tag).maximize();
  } catch {
    return ""; // not a tag
  }
  const { language, script } = locale;
  if (language === "zh") {
    return script === "Hant" ? "zh-Hant" : "zh-Hans";
  }
  return language === "en" ? "en" : "";
}

// chosenLanguage is the one of the address, that of the settings, or the first one of the browser that the page has.
export function chosenLanguage(asked: string): Tag {
  for (const tag of [asked, stored("localStorage", languageKey), ...navigator.languages]) {
    const found = supported(tag);
    if (found !== "") {
      return found;
    }
  }
  return "en";
}

// chooseLanguage is for the settings. It applies from the next load of the page on.
export function chooseLanguage(tag: Tag): void {
  store("localStorage", languageKey, tag);
}

// loadLanguage returns when the page has the words of a language. Without its file, the page stays English. The file may say in which
// direction the language is written.
export async function loadLanguage(tag: Tag): Promise<void> {
  try {
    const answer = await fetch(new URL(`${tag}.json`, document.baseURI));
    if (!answer.ok) {
      throw new Error(`status ${answer.status}`);
    }
    const words = await answer.json() as Words;
    use(tag, words);
    document.documentElement.lang = tag;
    document.documentElement.dir = words.direction;
  } catch (error) {
    console.info(`no ${tag}.json:`, messageOf(error));
  }
}
