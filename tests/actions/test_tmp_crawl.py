import random, json
from tests.actions.conftest import *  # noqa
from tests.conftest import *  # noqa
MINE=["book_appointment","reschedule_appointment","cancel_appointment","technical_problem","product_availability","product_advice","store_info","complaint","praise","leave_review","rate_service","greet","thanks","goodbye","capabilities","chitchat","deny","affirm","out_of_scope"]
TEXTS=["да","нет","2","другое время","в субботу","чайник","не помогло","спасибо","пять","Казань","😡","👍","?","кофемашина не варит","подарочная упаковка","не надо","broken kettle","five stars"]
async def test_crawl(chats):
    rng=random.Random(5); fails=[]; turns=0; handed=0; dead=0
    refs=["demo-1001","demo-1002","demo-1003","demo-1006"]
    for n in range(60):
        ref=rng.choice(refs); lang=rng.choice(["ru","en"])
        c=await chats(ref,lang)
        trail=[]
        try:
            for t in range(8):
                turns+=1
                titles=[b for r in c.said for b in r.buttons]
                if ref is None and c.form=="identification_form": break
                if titles and rng.random()<.6:
                    b=rng.choice(titles); trail.append("["+b+"]"); await c.presses(b)
                else:
                    i=rng.choice(MINE); x=rng.choice(TEXTS); trail.append(f"{x}/{i}")
                    await c.says(x,i, **({"date":"2026-11-22"} if rng.random()<.2 else {}))
                assert c.said and all(r.text.strip() for r in c.said)
                if any(r.response=="utter_action_failed" for r in c.said): raise AssertionError("failed action")
                if any("handoff" in r.custom for r in c.said): handed+=1; break
                if c.slots.pop("followup",None)=="identification_form": break
        except Exception as e:
            fails.append((repr(e)[:200],ref,lang,trail))
    print("turns",turns,"handed",handed,"fails",len(fails))
    for f in fails[:8]: print(f)
