import{a}from"./chunk-LVSXX44Q.js";import"./chunk-27RIZDXN.js";import"./chunk-NGZVCKMQ.js";import"./chunk-IBOEPRZJ.js";export{a as showGate};
