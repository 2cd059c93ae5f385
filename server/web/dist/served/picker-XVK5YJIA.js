import{h as a,i as b}from"./chunk-BEP4ZYSI.js";import"./chunk-W7QBJCR3.js";export{b as closePicker,a as openPicker};
