// How the page looks: its colours, and its forms in a frame or on a screen.
import type { Options, Theme } from "../net/address";
import { store, stored } from "../ui/storage";

const themeKey = "throng.theme";

// chosenTheme returns the colours of the settings; "" for those of the system.
export function chosenTheme(): Theme {
  const theme = stored("localStorage", themeKey);
  return theme === "light" || theme === "dark" ? theme : "";
}

export function chooseTheme(theme: Theme): void {
  store("localStorage", themeKey, theme);
  setTheme(theme);
}

function setTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === "") {
    delete dataset["theme"];
  } else {
    dataset["theme"] = theme;
  }
}

// display sets what the address asks for. The style does the rest: embed has no list of rooms, view no controls, clear no background.
export function display({ view, clear, embed, theme }: Options): void {
  const { classList } = document.documentElement;
  classList.toggle("embed", embed !== "" || view);
  classList.toggle("view", view);
  classList.toggle("clear", clear);
  setTheme(theme || (clear ? "dark" : chosenTheme()));
}
