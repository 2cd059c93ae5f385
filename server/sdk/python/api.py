"""Works cent, the library for an application's own server, for the scenarios."""

import cent


def request_of(method, args):
    if method == "batch":
        return cent.BatchRequest(requests=[request_of(**one) for one in args["requests"]], parallel=args.get("parallel"))
    name = "".join(word.capitalize() for word in method.split("_"))
    return getattr(cent, name + "Request")(**args)


class Api:
    def __init__(self, _name, url, key, asynchronous):
        self.asynchronous = asynchronous
        self.client = (cent.AsyncClient if asynchronous else cent.Client)(url, key)

    async def call(self, method, args):
        try:
            result = getattr(self.client, method)(request_of(method, args))
            if self.asynchronous:
                result = await result
        except cent.CentApiResponseError as error:
            return {"error": {"code": error.code, "message": error.message}}
        except cent.CentError as error:
            return {"error": {"type": type(error).__name__, "status": getattr(error, "status_code", None)}}
        return {"result": result.model_dump(serialize_as_any=True)}

    async def disconnect(self):
        if self.asynchronous:
            await self.client.close()
        else:
            self.client.close()
