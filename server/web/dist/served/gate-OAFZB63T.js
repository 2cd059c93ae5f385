import{a}from"./chunk-7OOMMB2C.js";import"./chunk-RDBF6KUK.js";import"./chunk-GTNBKFIM.js";import"./chunk-W7QBJCR3.js";export{a as showGate};
