import{a}from"./chunk-YXPR6IQW.js";import"./chunk-ZO3BUHYY.js";import"./chunk-NGZVCKMQ.js";import"./chunk-CM2R5QRV.js";export{a as showGate};
