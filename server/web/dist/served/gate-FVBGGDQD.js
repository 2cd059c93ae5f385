import{a}from"./chunk-RXL47L2K.js";import"./chunk-AAQWTISR.js";import"./chunk-NGZVCKMQ.js";import"./chunk-PEWFPCB3.js";export{a as showGate};
