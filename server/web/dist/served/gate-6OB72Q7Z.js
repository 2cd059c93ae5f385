import{a}from"./chunk-45A2GZY7.js";import"./chunk-QTE7W3RY.js";import"./chunk-NGZVCKMQ.js";import"./chunk-AFA4EELI.js";export{a as showGate};
