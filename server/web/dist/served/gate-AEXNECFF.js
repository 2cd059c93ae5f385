import{a}from"./chunk-OR5PXYVK.js";import"./chunk-AVHBL2Q5.js";import"./chunk-GTNBKFIM.js";import"./chunk-5LFAYBJ4.js";export{a as showGate};
