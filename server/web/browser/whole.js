// Imported before chat.js, it gives the tests of a file a whole browser: with notifications, and with the speed that a reader has.
import { findChromium } from "./chromium.js";

process.env.CHROMIUM ||= findChromium();
