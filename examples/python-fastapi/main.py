"""The backend: it makes tokens, and publishes each new order by the server API."""

import os
import time
from contextlib import asynccontextmanager

import jwt
from cent import AsyncClient, CentApiResponseError, PublishRequest
from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse
from pydantic import BaseModel

throng = os.environ.get("THRONG", "http://127.0.0.1:3000")
secret = os.environ["THRONG_TOKEN_HMAC_SECRET"]


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.throng = AsyncClient(f"{throng}/api", os.environ["THRONG_API_KEY"])  # needs the running event loop
    yield
    await app.state.throng.close()


app = FastAPI(lifespan=lifespan)


class Order(BaseModel):
    id: str
    dish: str


@app.get("/throng-token")
def token():
    # A real application takes the user from its session. "channels" has the rooms that throng subscribes the connection to.
    claims = {"sub": "kitchen", "channels": ["orders"], "exp": int(time.time()) + 600}
    return {"token": jwt.encode(claims, secret, algorithm="HS256"), "url": throng}


@app.post("/orders", status_code=201)
async def order(new: Order):
    try:
        # The key makes a retry harmless: throng publishes an order once.
        request = PublishRequest(channel="orders", data=new.model_dump(), idempotency_key=f"order-{new.id}")
        result = await app.state.throng.publish(request)
    except CentApiResponseError as error:
        raise HTTPException(502, f"throng: {error}") from error
    return {"offset": result.offset}


@app.get("/")
def page():
    return FileResponse("index.html")
